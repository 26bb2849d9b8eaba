// Which bars stand in charts of several timeframes whose right edges are the same moment.

import type { Bar } from '../../contract'
import type { LogicalRange } from './visibleRange'

export const EDGE_PX = 14 // from that moment to the end of the chart: half of its bar has room
const BAR_PX = 5
const LEAST_BARS = 56 // the longer of the channels, and some more
const MOST_BARS = 84 // of a glance at a market as many are read, and some more

export interface EdgeRange extends LogicalRange {
  /** The moment at the left end: a close, or one before the first bar. */
  fromMs: number
}

/**
 * The range of bars that puts a moment at the same distance from the right end, whatever the length of the bars.
 * A bar stands at its close: one that closed before the moment stands that much further left, in bars.
 */
export function edgeRange(bars: readonly Bar[], edgeMs: number, widthPx: number): EdgeRange | null {
  const last = bars.at(-1)
  if (last === undefined || widthPx <= 0) return null
  const barPx = widthPx / Math.min(Math.max(widthPx / BAR_PX, LEAST_BARS), MOST_BARS)
  const end = bars.length - 1
  const edge = end + (edgeMs - last.event_time_ms) / last.timeframe_ms
  const to = edge + EDGE_PX / barPx - 0.5
  const from = to - widthPx / barPx + 1
  const first = Math.ceil(from)
  const fromMs = bars[Math.min(first, end)]?.event_time_ms ?? bars[0]!.event_time_ms + first * last.timeframe_ms
  return { from, to, fromMs }
}
