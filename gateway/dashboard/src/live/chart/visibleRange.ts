// Which bars stay in sight when the data changes.

import type { Bar } from '../../contract'

/** Places of bars, as the chart counts them: the first bar is 0, fractions lie between bars. */
export interface LogicalRange {
  from: number
  to: number
}

/**
 * The range that shows, over new bars, what was shown over the bars before. The end is followed;
 * whoever reads the past keeps the bars that he reads. Null: none of them is left.
 */
export function rangeAfter(range: LogicalRange, before: readonly Bar[], now: readonly Bar[]): LogicalRange | null {
  const [oldFirst, newFirst] = [before[0], now[0]]
  if (oldFirst === undefined || newFirst === undefined) return null
  if (oldFirst.symbol !== newFirst.symbol || oldFirst.timeframe_ms !== newFirst.timeframe_ms) return null
  const newEnd = now.length - 1
  const follows = range.to >= before.length - 1
  const moved = follows
    ? newEnd - (before.length - 1)
    : (oldFirst.event_time_ms - newFirst.event_time_ms) / newFirst.timeframe_ms
  const next = { from: range.from + moved, to: range.to + moved }
  return next.to < 0 || next.from > newEnd ? null : next
}
