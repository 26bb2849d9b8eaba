import { expect, test } from 'vitest'

import { MOST_PINS, type Pin, pinOf, pinsOf, toggled } from './pins'
import type { OptimizeResult, PerformanceResult } from './result'

const pin = (jobId: string) => ({ jobId, growth: [0] }) as unknown as Pin

const BACKTEST = {
  kind: 'performance',
  job_id: 'job-2',
  spec: { symbol: 'BTCUSDT', indicator: 'rsi' },
  market: { symbol: 'BTCUSDT', timeframe: '1h', from_ms: 0, to_ms: 100 },
  params: { window: 50 },
  metrics: { sharpe_ratio: 1 },
  benchmarks: [{ name: 'buy and hold', metrics: { sharpe_ratio: 2 } }],
  equity: { time_ms: [0, 50, 100], equity: [1_000, 1_500, 2_000] },
} as unknown as PerformanceResult

test('a run is pinned, and taken off by the same act', () => {
  const pinned = toggled([pin('a')], pin('b'))

  expect(pinned.map(({ jobId }) => jobId)).toEqual(['a', 'b'])
  expect(toggled(pinned, pin('a')).map(({ jobId }) => jobId)).toEqual(['b'])
})

test('the oldest pin gives way', () => {
  const full = Array.from({ length: MOST_PINS }, (_, place) => pin(`job-${place}`))

  const next = toggled(full, pin('new'))

  expect(next).toHaveLength(MOST_PINS)
  expect(next[0]?.jobId).toBe('job-1')
  expect(next.at(-1)?.jobId).toBe('new')
})

test('whatever stands in the storage, only pins are read from it', () => {
  expect(pinsOf(null)).toEqual([])
  expect(pinsOf({ jobId: 'a' })).toEqual([])
  expect(pinsOf([null, { jobId: 'a' }, pin('b')]).map(({ jobId }) => jobId)).toEqual(['b'])
})

test('a pin has the growth since the start, thinned, and the request that makes it again', () => {
  const pinned = pinOf(BACKTEST, null)

  expect(pinned?.growth).toHaveLength(400)
  expect([pinned?.growth[0], pinned?.growth.at(-1)]).toEqual([0, 1])
  expect(pinned?.body).toMatchObject({ symbol: 'BTCUSDT', from_ms: 0, to_ms: 100, timeframe: '1h' })
  expect(pinned).toMatchObject({ what: 'rsi, window 50', trials: 1, hold: { sharpe_ratio: 2 } })
})

test('of a search its shown trial is pinned, with the number of trials behind it', () => {
  const search = { ...BACKTEST, kind: 'optimize', job_id: 'job-1', trials: 190, pbo: 0.4, deflated_sharpe_ratio: 0.2 }

  expect(pinOf(search as unknown as OptimizeResult, BACKTEST)).toMatchObject({
    jobId: 'job-2',
    trials: 190,
    pbo: 0.4,
    deflated: 0.2,
  })
  expect(pinOf(search as unknown as OptimizeResult, null)).toBeNull()
})

test('without equity there is nothing to pin', () => {
  expect(pinOf({ ...BACKTEST, equity: null }, null)).toBeNull()
})
