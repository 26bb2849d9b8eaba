// Places of moments on the axis of bars.

import type { UTCTimestamp } from 'lightweight-charts'

import type { Bar } from '../../contract'

/** Everything is drawn at its bar's close, the moment at which it was known. */
export function seconds(ms: number): UTCTimestamp {
  return (ms / 1_000) as UTCTimestamp
}

/** Place of the first bar that closes at or after a moment. */
export function placeOf(ms: number, bars: readonly Bar[]): number {
  let [low, high] = [0, bars.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((bars[middle]?.event_time_ms ?? 0) < ms) low = middle + 1
    else high = middle
  }
  return Math.min(low, bars.length - 1)
}
