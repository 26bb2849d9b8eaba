import { expect, test } from 'vitest'

import type { Health } from '../contract'
import { bar, health, MINUTE_MS } from '../testing/build'
import { seriesKey } from './fold'
import { staleBars } from './staleness'

const QUARTER = { name: '15m', ms: 15 * MINUTE_MS, isBase: false }
const BASE = { name: '1m', ms: MINUTE_MS, isBase: true }
const series = new Map([
  [seriesKey('BTCUSDT', QUARTER.ms), { bars: [bar(15, { timeframe_ms: QUARTER.ms })], regimes: [] }],
])

function at(minute: number, market: object = {}): Health {
  const row = { symbol: 'BTCUSDT', stale: false, ended: false, age_bars: 0, ...market } as never
  return health({ clock_ms: minute * MINUTE_MS, symbols: [row] })
}

test('a higher bar is stale two of its own bars after its close, not two minutes', () => {
  expect(staleBars({ health: at(45), series }, 'BTCUSDT', QUARTER)).toBeNull()
  expect(staleBars({ health: at(60), series }, 'BTCUSDT', QUARTER)).toBe(3)
})

test('of the base bars the gateway says how old they are', () => {
  expect(staleBars({ health: at(60, { stale: true, age_bars: 4.2 }), series }, 'BTCUSDT', BASE)).toBe(4.2)
  expect(staleBars({ health: at(60), series }, 'BTCUSDT', BASE)).toBeNull()
})

test('a market that has ended, or that nobody knows, is not stale', () => {
  expect(staleBars({ health: at(60, { ended: true }), series }, 'BTCUSDT', QUARTER)).toBeNull()
  expect(staleBars({ health: at(60), series }, 'ETHUSDT', QUARTER)).toBeNull()
  expect(staleBars({ health: null, series }, 'BTCUSDT', QUARTER)).toBeNull()
})
