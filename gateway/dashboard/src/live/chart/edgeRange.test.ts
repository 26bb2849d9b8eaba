import { expect, test } from 'vitest'

import { bar, MINUTE_MS } from '../../testing/build'
import { EDGE_PX, edgeRange } from './edgeRange'

const WIDTH = 310

/** Bars of a length in minutes, the last of which closes at a minute. */
function bars(length: number, lastMinute: number, count = 90) {
  return Array.from({ length: count }, (_, place) =>
    bar(lastMinute - (count - 1 - place) * length, { timeframe_ms: length * MINUTE_MS }),
  )
}

/** Where a chart of that range draws a moment, from the right end. */
function pixelsFromEnd(of: readonly { event_time_ms: number; timeframe_ms: number }[], ms: number, edgeMs: number) {
  const { from, to } = edgeRange(of as never, edgeMs, WIDTH)!
  const last = of.at(-1)!
  const place = of.length - 1 + (ms - last.event_time_ms) / last.timeframe_ms
  return (to - place + 0.5) * (WIDTH / (to - from + 1))
}

test.each([
  [1, 6_023],
  [15, 6_015],
  [60, 6_000],
  [1_440, 5_760],
])('the same moment stands at the same place over bars of %i minutes', (length, lastMinute) => {
  const edge = 6_023 * MINUTE_MS

  expect(pixelsFromEnd(bars(length, lastMinute), edge, edge)).toBeCloseTo(EDGE_PX)
})

test('a bar that closed earlier stands further left by its age in bars', () => {
  const edge = 6_023 * MINUTE_MS

  const at = pixelsFromEnd(bars(60, 6_000), 6_000 * MINUTE_MS, edge)

  expect(at - EDGE_PX).toBeCloseTo((23 / 60) * 5)
})

test('the left end is named by the close that stands there, or by what would close there', () => {
  const edge = 6_000 * MINUTE_MS
  const whole = edgeRange(bars(1, 6_000), edge, WIDTH)!
  const short = edgeRange(bars(1, 6_000, 10), edge, WIDTH)!

  expect(whole.fromMs).toBe(bars(1, 6_000)[Math.ceil(whole.from)]!.event_time_ms)
  expect(short.fromMs).toBe(whole.fromMs)
})

test('without a bar or without a width there is no range', () => {
  expect(edgeRange([], 0, WIDTH)).toBeNull()
  expect(edgeRange(bars(1, 10), 0, 0)).toBeNull()
})

test.each([
  ['a narrow chart has thinner bars, never fewer than the longer channel spans', 112, 56],
  ['a wide chart has wider bars, never more than are read', 1_400, 84],
])('%s', (_, width, count) => {
  const { from, to } = edgeRange(bars(1, 6_000), 6_000 * MINUTE_MS, width)!

  expect(to - from + 1).toBeCloseTo(count)
})
