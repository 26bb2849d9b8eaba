// Pure folds: what arrives into what is shown. Taking the same thing twice changes nothing.

import type { Bar, RegimeProbabilities, SignalItem } from '../contract'
import type { Timeframe } from '../lib/timeframe'
import type { StreamMessage } from './socket'

const SIGNALS = 4_000
const BARS = 6_000

/** Bars and regimes of one symbol at one timeframe, each oldest first. */
export interface Series {
  bars: readonly Bar[]
  regimes: readonly RegimeProbabilities[]
}

export const NO_SERIES: Series = { bars: [], regimes: [] }

/** Name of the series of a symbol at a timeframe. */
export function seriesKey(symbol: string, timeframeMs: number): string {
  return `${symbol} ${timeframeMs}`
}

/** Signals by id, with what became of them, newest first. */
export function withSignals(current: readonly SignalItem[], arrived: readonly SignalItem[]): readonly SignalItem[] {
  if (arrived.length === 0) return current
  const byId = new Map(current.map((signal) => [signal.signal_id, signal]))
  for (const signal of arrived) {
    const before = byId.get(signal.signal_id)
    byId.set(signal.signal_id, {
      ...signal,
      acknowledged: signal.acknowledged ?? before?.acknowledged ?? null,
      score: signal.score ?? before?.score ?? null,
      explained: signal.explained || (before?.explained ?? false),
    })
  }
  return [...byId.values()]
    .sort((a, b) => b.event_time_ms - a.event_time_ms || a.symbol.localeCompare(b.symbol))
    .slice(0, SIGNALS)
}

/** What messages say about signals, as signals. */
export function signalsOf(current: readonly SignalItem[], messages: readonly StreamMessage[]): SignalItem[] {
  const byId = new Map(current.map((signal) => [signal.signal_id, signal]))
  const touched = new Set<string>()
  const change = (id: string, fields: Partial<SignalItem>) => {
    const signal = byId.get(id)
    if (signal === undefined) return
    byId.set(id, { ...signal, ...fields })
    touched.add(id)
  }
  for (const message of messages) {
    if (message.type === 'signal') {
      const { signal_id } = message.data
      const before = byId.get(signal_id)
      byId.set(signal_id, { acknowledged: null, score: null, explained: false, ...before, ...message.data })
      touched.add(signal_id)
    } else if (message.type === 'score') change(message.data.signal_id, { score: message.data })
    else if (message.type === 'acknowledged') change(message.data.signal_id, { acknowledged: message.data })
    else if (message.type === 'explanation') change(message.data.signal_id, { explained: true })
  }
  return [...touched].flatMap((id) => byId.get(id) ?? [])
}

/** Close of the newest bar or signal that messages tell of; 0 when they tell of none. */
export function newestClose(messages: readonly StreamMessage[]): number {
  return messages.reduce(
    (newest, message) =>
      message.type === 'bar' || message.type === 'signal' ? Math.max(newest, message.data.event_time_ms) : newest,
    0,
  )
}

interface Timed {
  event_time_ms: number
}

/** Two series in time order as one; at the same close the later arrival holds. */
export function merged<T extends Timed>(current: readonly T[], arrived: readonly T[]): readonly T[] {
  const first = arrived[0]
  const last = current.at(-1)
  if (first === undefined) return current
  if (last === undefined || last.event_time_ms < first.event_time_ms) return [...current, ...arrived].slice(-BARS)
  const byTime = new Map([...current, ...arrived].map((each) => [each.event_time_ms, each]))
  return [...byTime.values()].sort((a, b) => a.event_time_ms - b.event_time_ms).slice(-BARS)
}

/** The series that messages speak of; unknown ones begin with them. */
export function withMessages(
  series: ReadonlyMap<string, Series>,
  messages: readonly StreamMessage[],
): ReadonlyMap<string, Series> {
  const arrived = new Map<string, { bars: Bar[]; regimes: RegimeProbabilities[] }>()
  for (const message of messages) {
    if (message.type !== 'bar' && message.type !== 'regime') continue
    const key = seriesKey(message.data.symbol, message.data.timeframe_ms)
    const added = arrived.get(key) ?? { bars: [], regimes: [] }
    arrived.set(key, added)
    if (message.type === 'bar') added.bars.push(message.data)
    else added.regimes.push(message.data)
  }
  if (arrived.size === 0) return series
  const changed = new Map(series)
  for (const [key, { bars, regimes }] of arrived) {
    const before = series.get(key) ?? NO_SERIES
    changed.set(key, {
      bars: merged(before.bars, bars),
      regimes: merged(before.regimes, regimes),
    })
  }
  return changed
}

/** The newest signal of each market at a timeframe. `signals` are newest first. */
export function newestBySymbol(
  signals: readonly SignalItem[],
  timeframe: Timeframe | null,
): ReadonlyMap<string, SignalItem> {
  const newest = new Map<string, SignalItem>()
  for (const signal of signals)
    if (signal.timeframe_ms === timeframe?.ms && !newest.has(signal.symbol)) newest.set(signal.symbol, signal)
  return newest
}
