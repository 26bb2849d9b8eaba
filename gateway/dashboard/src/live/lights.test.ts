import { expect, test } from 'vitest'

import type { ModelList } from '../contract'
import { health } from '../testing/build'
import { lagState, modelsAt, modelState, processState, rejectedState, streamState } from './lights'

const SERVING = {
  serving: { ensemble: { qualified: true, model_version: 'v1' } },
  training: null,
} as unknown as ModelList
const stale = { symbol: 'BTCUSDT', stale: true } as never

test('a waiting stream counts the seconds down to its next attempt', () => {
  const waiting = { phase: 'waiting', attempt: 2, retryAtMs: 5_000 } as const

  expect(streamState(waiting, false, 1_000)).toEqual({ tone: 'bad', text: 'Reconnecting', under: 'in 4 s' })
  expect(streamState(waiting, false, 9_000).under).toBe('now')
})

test('old data is a fault once a model serves, and work to do before', () => {
  expect(lagState(health({ symbols: [stale] }), SERVING, false).tone).toBe('warn')
  expect(lagState(health({ symbols: [stale] }), null, false)).toMatchObject({ tone: 'calm', text: 'Catching up' })
})

test('a market that has ended does not lag: the light speaks of those that go on', () => {
  const ended = { symbol: 'ETHUSDT', stale: false, ended: true, age_bars: 900 } as never

  expect(lagState(health({ symbols: [ended] }), SERVING, false).tone).toBe('good')
  expect(lagState(health({ symbols: [ended, stale] }), SERVING, false).text).toBe('1 stale')
})

test('a lost broker outweighs old data', () => {
  expect(lagState(health({ broker_connected: false, symbols: [stale] }), SERVING, false).text).toBe('Broker away')
})

test('one failed process of three turns the light', () => {
  const processes = { a: { state: 'running' }, b: { state: 'holding' }, c: { state: 'failed' } } as never

  expect(processState(health({ processes }), false)).toEqual({ tone: 'bad', text: '1/3', under: '1 failed' })
})

test('a process that is silent or degraded is told by that word, the worst first', () => {
  const silent = { a: { state: 'running' }, b: { state: 'degraded' }, c: { state: 'silent' } } as never
  const degraded = { a: { state: 'running' }, b: { state: 'degraded' } } as never

  expect(processState(health({ processes: silent }), false)).toMatchObject({ tone: 'bad', under: '1 silent' })
  expect(processState(health({ processes: degraded }), false)).toMatchObject({ tone: 'bad', under: '1 degraded' })
})

test('a bug among the dead letters is worse than a rejected record', () => {
  const letters = (kind: string) => ({ topic: { count: 2, newest: { kind } } }) as never

  expect(rejectedState(health({ dead_letters: letters('rejected') }))).toMatchObject({ tone: 'warn', text: '2' })
  expect(rejectedState(health({ dead_letters: letters('bug') })).tone).toBe('bad')
  expect(rejectedState(health()).tone).toBe('good')
})

test('a model that serves while inference holds does not look well', () => {
  const processes = { 'inference-1': { state: 'holding' } } as never

  expect(modelState(health({ processes }), SERVING, null)).toMatchObject({ tone: 'warn', text: 'Holding' })
  expect(modelState(health(), SERVING, null)).toMatchObject({ tone: 'good', text: 'Qualified' })
})

test('each timeframe has the light of its own model', () => {
  const models = {
    serving: {
      ensemble: { qualified: true, model_version: 'v1', timeframe: '1m' },
      'ensemble/15m': { qualified: false, model_version: 'v15', timeframe: '15m' },
    },
    training: { timeframe: '1h', stage: 'lstm', done: 0.4, note: '' },
  } as unknown as ModelList

  expect(modelState(health(), models, '1m')).toMatchObject({ text: 'Qualified', under: 'v1' })
  expect(modelState(health(), models, '15m')).toMatchObject({ text: 'Unqualified', under: 'v15' })
  expect(modelState(health(), models, '1h')).toMatchObject({ text: 'Training 40%' })
  expect(modelsAt(models, '4h')).toEqual({ serving: undefined, training: null })
})
