// What a challenge comes to, for people.

import type { ChallengeView, SequenceView } from '../contract'
import { countText } from '../lib/format'

type Tone = 'good' | 'warn' | 'bad' | 'accent' | 'muted'

export const RECOMMENDATIONS: Record<ChallengeView['recommendation'], [words: string, tone: Tone]> = {
  PROMOTE_CHALLENGER: ['promote the challenger', 'good'],
  KEEP_CHAMPION: ['keep the champion', 'warn'],
  INCONCLUSIVE: ['not decided', 'muted'],
}

export const STATUS_TONES: Record<ChallengeView['status'], Tone> = {
  active: 'accent',
  concluded: 'good',
  expired: 'warn',
  cancelled: 'muted',
}

/** How long it takes until the test decides. */
export function waitText(
  { more_bars: bars, more_trades: trades, blocks }: SequenceView,
  status: ChallengeView['status'],
): { value: string; note?: string } {
  if (status !== 'active') return { value: 'it has ended' }
  const more = bars === null ? trades : bars
  if (more !== null)
    return {
      value: `about ${countText(more)} more ${bars === null ? 'trades' : 'bars'}`,
      note: 'to decide, if all goes on like that',
    }
  return { value: blocks === 0 ? 'waiting for the first block' : 'too early to tell how long' }
}

/** A gain on the scale of its basis: nats of log-loss, or a return in per cent. */
export function gainText(gain: number | null, basis: ChallengeView['basis']): string {
  if (gain === null) return '–'
  if (gain === 0) return '0'
  const text = basis === 'trades' ? `${(Math.abs(gain) * 100).toFixed(3)}%` : Math.abs(gain).toFixed(4)
  return `${gain < 0 ? '−' : '+'}${text}`
}
