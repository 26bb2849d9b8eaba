// How keys and buttons move a chart: nearer, further, back, on, all that is read, where it began.

import type { KeyBinding } from '../../lib/keys'
import type { LogicalRange } from './visibleRange'

export type Move = 'nearer' | 'further' | 'back' | 'on' | 'all' | 'home'

export const AHEAD_BARS = 6 // of room after the newest bar
const LEAST_BARS = 12
const NEARER = 0.8
const STEP = 0.25 // of what is in sight

const MOVES: Readonly<Record<string, Move>> = {
  '+': 'nearer',
  '-': 'further',
  ArrowLeft: 'back',
  ArrowRight: 'on',
  '0': 'all',
  h: 'home',
}

const MEANINGS: readonly (readonly [keys: readonly string[], meaning: string])[] = [
  [['+', '-'], 'Chart: nearer, further'],
  [['ArrowLeft', 'ArrowRight'], 'Chart: back in time, on'],
  [['0'], 'Chart: all bars that are read'],
  [['h'], 'Chart: where it began'],
]

/** The keys of a chart; without an act they only explain, for the help of the page around it. */
export function chartKeys(act?: (move: Move) => void): readonly KeyBinding[] {
  return MEANINGS.map(([keys, meaning]) => ({ keys, meaning, ...(act && { act: (key) => act(MOVES[key]!) }) }))
}

/** The range after a move over so many bars. The newest bar stays where it is while it is in sight. */
export function movedRange(range: LogicalRange, move: Exclude<Move, 'home'>, count: number): LogicalRange {
  const width = range.to - range.from
  const end = count - 1
  if (move === 'all') return { from: -0.5, to: end + AHEAD_BARS }
  if (move === 'back' || move === 'on') {
    const wanted = (move === 'on' ? STEP : -STEP) * width
    // Some bars stay in sight at either end.
    const by = Math.min(Math.max(wanted, LEAST_BARS - range.to), end - LEAST_BARS - range.from)
    return Math.sign(by) === Math.sign(wanted) ? { from: range.from + by, to: range.to + by } : range
  }
  const next = Math.max(width * (move === 'nearer' ? NEARER : 1 / NEARER), Math.min(width, LEAST_BARS))
  const anchor = range.to >= end ? end : (range.from + range.to) / 2
  const scale = next / width
  return { from: anchor - (anchor - range.from) * scale, to: anchor + (range.to - anchor) * scale }
}
