import { expect, test } from 'vitest'

import { bar } from '../../testing/build'
import { rangeAfter } from './visibleRange'

const bars = (from: number, to: number, symbol = 'BTCUSDT') =>
  Array.from({ length: to - from }, (_, place) => bar(from + place, { symbol }))

test.each([
  ['bars came', bars(0, 100), bars(0, 130), 30],
  ['bars came and as many were dropped', bars(0, 100), bars(30, 130), 0],
  ['the past was read', bars(0, 100), bars(-50, 100), 50],
  ['after an absence none of the bars is left', bars(0, 100), bars(5_000, 5_090), -10],
])('the end stays in sight: %s', (_, before, now, moved) => {
  expect(rangeAfter({ from: 40, to: 105 }, before, now)).toEqual({ from: 40 + moved, to: 105 + moved })
})

test.each([
  ['bars came', bars(0, 100), bars(0, 130), 0],
  ['bars came and as many were dropped', bars(0, 100), bars(20, 120), -20],
  ['the past was read', bars(0, 100), bars(-50, 100), 50],
])('what is read of the past stays in sight: %s', (_, before, now, moved) => {
  expect(rangeAfter({ from: 40, to: 80 }, before, now)).toEqual({ from: 40 + moved, to: 80 + moved })
})

test('where nothing of it is left there is nothing to keep', () => {
  const quarters = bars(0, 100).map((each) => ({ ...each, timeframe_ms: 15 * each.timeframe_ms }))
  expect(rangeAfter({ from: 40, to: 80 }, bars(0, 100), bars(5_000, 5_100))).toBeNull()
  expect(rangeAfter({ from: 40, to: 105 }, bars(0, 100), bars(0, 100, 'ETHUSDT'))).toBeNull()
  expect(rangeAfter({ from: 40, to: 105 }, bars(0, 100), quarters)).toBeNull()
  expect(rangeAfter({ from: 0, to: 30 }, [], bars(0, 100))).toBeNull()
})
