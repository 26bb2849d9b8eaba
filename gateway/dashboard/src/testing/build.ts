// Builders of records for the tests: everything has a value, and any field can be set.

import type { Bar, Health, RegimeProbabilities, ScoredSignal, SignalItem } from '../contract'
import type { Field, Group } from '../research/schema'

export const MINUTE_MS = 60_000

export function bar(minute: number, fields: Partial<Bar> = {}): Bar {
  const close = minute * MINUTE_MS
  return {
    symbol: 'BTCUSDT',
    timeframe_ms: MINUTE_MS,
    event_time_ms: close,
    open: 100,
    high: 102,
    low: 98,
    close: 101,
    ...fields,
  } as Bar
}

export function regime(minute: number, fields: Partial<RegimeProbabilities> = {}): RegimeProbabilities {
  return {
    symbol: 'BTCUSDT',
    timeframe_ms: MINUTE_MS,
    event_time_ms: minute * MINUTE_MS,
    bull: 0.5,
    bear: 0.2,
    sideways: 0.3,
    ...fields,
  } as RegimeProbabilities
}

export function signal(minute: number, fields: Partial<SignalItem> = {}): SignalItem {
  const close = minute * MINUTE_MS
  const symbol = fields.symbol ?? 'BTCUSDT'
  return {
    signal_id: `${symbol}-${minute}`,
    symbol,
    timeframe_ms: MINUTE_MS,
    event_time_ms: close,
    direction: 'buy',
    grade: 'A',
    confidence: 0.8,
    horizon_bars: 15,
    expires_ms: close + 15 * MINUTE_MS,
    reference_price: 100,
    target_price: 103,
    invalidation_price: 99,
    threshold: 0.002,
    acknowledged: null,
    score: null,
    explained: false,
    rank: null,
    since_ms: null,
    ...fields,
  } as SignalItem
}

export function score(of: SignalItem, fields: Partial<ScoredSignal> = {}): ScoredSignal {
  return {
    signal_id: of.signal_id,
    hit: true,
    entry_price: 100,
    exit_price: 102,
    net_return: 0.02,
    ...fields,
  } as ScoredSignal
}

export function health(fields: Partial<Health> = {}): Health {
  return {
    status: 'healthy',
    broker_connected: true,
    views_lag_records: 0,
    processes: {},
    timeframes: [],
    symbols: [],
    canary: null,
    dead_letters: {},
    ...fields,
  } as Health
}

export function field(name: string, kind: Field['kind'], fields: Partial<Field> = {}): Field {
  return {
    name,
    label: name,
    hint: '',
    kind,
    choices: [],
    nullable: false,
    empty: '',
    default: undefined,
    items: [],
    most: Infinity,
    ...fields,
  }
}

export function group(...fields: readonly Field[]): Group {
  return { name: 'Market', fields }
}
