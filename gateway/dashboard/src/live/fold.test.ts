import { expect, test } from 'vitest'

import { bar, MINUTE_MS, regime, score, signal } from '../testing/build'
import { merged, newestClose, NO_SERIES, seriesKey, signalsOf, withMessages, withSignals } from './fold'

test('signals stand newest first, then by symbol', () => {
  const [a, b, c] = [signal(1), signal(2, { symbol: 'ETHUSDT' }), signal(2)]

  expect(withSignals([], [a, b, c])).toEqual([c, b, a])
})

test('the same signal twice changes nothing', () => {
  const once = withSignals([], [signal(1), signal(2)])

  expect(withSignals(once, [signal(2)])).toEqual(once)
})

test('what is known of a signal survives a copy that knows less', () => {
  const plain = signal(1)
  const known = { ...plain, score: score(plain), explained: true, acknowledged: { by: 'me' } as never }

  expect(withSignals([known], [plain])).toEqual([known])
})

test('nothing that arrived is the same list, so that nothing is drawn again', () => {
  const signals = [signal(1)]

  expect(withSignals(signals, [])).toBe(signals)
})

test('messages touch only the signals that they are about', () => {
  const [a, b] = [signal(1), signal(2)]

  const changed = signalsOf([a, b], [{ type: 'score', data: score(b) }])

  expect(changed).toEqual([{ ...b, score: score(b) }])
})

test('a score of a signal that is not known is passed over', () => {
  expect(signalsOf([], [{ type: 'score', data: score(signal(1)) }])).toEqual([])
})

test('series merge in time order, and the later arrival holds', () => {
  const corrected = bar(2, { close: 7 })

  expect(merged([bar(1), bar(2)], [corrected, bar(3)])).toEqual([bar(1), corrected, bar(3)])
  expect(merged([bar(5)], [bar(3), bar(4)]).map((each) => each.event_time_ms / MINUTE_MS)).toEqual([3, 4, 5])
})

test('a series keeps no more than its newest 6,000 bars', () => {
  const all = Array.from({ length: 6_010 }, (_, minute) => bar(minute))

  const newest = merged(all.slice(0, 6_000), all.slice(6_000))

  expect(newest).toHaveLength(6_000)
  expect(newest[0]).toEqual(bar(10))
})

test('messages extend the series of their symbol and leave the others alone', () => {
  const [btc, eth] = [seriesKey('BTCUSDT', MINUTE_MS), seriesKey('ETHUSDT', MINUTE_MS)]
  const series = new Map([[eth, NO_SERIES]])

  const next = withMessages(series, [
    { type: 'bar', data: bar(1) },
    { type: 'regime', data: regime(1) },
  ])

  expect(next.get(btc)).toEqual({ bars: [bar(1)], regimes: [regime(1)] })
  expect(next.get(eth)).toBe(NO_SERIES)
  expect(withMessages(series, [])).toBe(series)
})

test('the timeframes of a market are series apart', () => {
  const quarter = bar(15, { timeframe_ms: 15 * MINUTE_MS })

  const next = withMessages(new Map(), [
    { type: 'bar', data: bar(15) },
    { type: 'bar', data: quarter },
  ])

  expect(next.get(seriesKey('BTCUSDT', MINUTE_MS))?.bars).toEqual([bar(15)])
  expect(next.get(seriesKey('BTCUSDT', 15 * MINUTE_MS))?.bars).toEqual([quarter])
})

test('a bar or a signal tells the time, whatever their order', () => {
  const messages = [
    { type: 'bar' as const, data: bar(7) },
    { type: 'signal' as const, cursor: '', data: signal(9) },
    { type: 'bar' as const, data: bar(8) },
  ]

  expect(newestClose(messages)).toBe(9 * MINUTE_MS)
  expect(newestClose([])).toBe(0)
})
