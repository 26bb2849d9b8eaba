// What a signal missed by: how the price moved, and what would have been right.

import type { SignalItem } from '../contract'
import { percent } from '../lib/format'

/** `rose 0.15%; right is a rise beyond 0.22%`; empty for a hit, and where the outcome is unknown. */
export function missText({ direction, threshold, score }: SignalItem): string {
  if (score?.hit !== false || score.entry_price === null || score.exit_price === null) return ''
  const move = score.exit_price / score.entry_price - 1
  const moved = `${move < 0 ? 'fell' : 'rose'} ${percent(Math.abs(move), 2)}`
  const needed = percent(threshold, 2)
  if (direction === 'neutral') return `${moved}; right is less than ${needed} either way`
  return `${moved}; right is a ${direction === 'buy' ? 'rise' : 'fall'} beyond ${needed}`
}
