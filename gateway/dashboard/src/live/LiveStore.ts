// The page's state: folded from REST and the stream, read by the parts through `useLive`.

import { useSyncExternalStore } from 'react'

import type {
  BarList,
  Explanation,
  Health,
  ModelList,
  PredictAnswer,
  RegimeAnswer,
  SignalAcknowledged,
  SignalDetail,
  SignalItem,
  SignalList,
} from '../contract'
import { ApiError, asApiError, asked, askedPlain } from '../lib/api'
import { type Filter, queryOf } from './filter'
import { merged, NO_SERIES, type Series, signalsOf, withMessages, withSignals } from './fold'
import { type Connection, SignalSocket, type StreamMessage } from './socket'

const PAGE = 200
const STRIP_BARS = 90
const CHART_BARS = 720
const MOST_BARS = 5_000 // the gateway holds no more
const HEALTH_MS = 2_000
const MODELS_MS = 1_500
const RECORD_MS = 8_000
const FOLD_MS = 200 // messages are folded together: a fast replay must not repaint at its own pace
const HELD_BACK = 4_000 // while paused; beyond this the page reads again what it missed

/** One query's signals, as far back as they have been read. */
export interface Page {
  /** Close of the oldest signal read; 0 when there is none older. */
  depth: number
  loading: boolean
  error: ApiError | null
}

export interface Reason {
  explanation: Explanation | null
  state: 'loading' | 'ready' | 'none' | 'pending' | 'failed'
  error: ApiError | null
}

export interface TrackRecord {
  symbol: string | null
  rows: NonNullable<SignalList['summary']>
  bins: NonNullable<SignalList['reliability']>
}

export interface LiveState {
  connection: Connection
  health: Health | null
  /** Why the last health question failed, and since when nothing is heard. */
  silent: { error: ApiError; sinceMs: number } | null
  /** Market time at a moment of this page's own monotonic clock. */
  clock: { marketMs: number; atMs: number; speed: number } | null
  models: ModelList | null
  signals: readonly SignalItem[]
  pages: ReadonlyMap<string, Page>
  reasons: ReadonlyMap<string, Reason>
  series: ReadonlyMap<string, Series>
  seriesError: ApiError | null
  record: TrackRecord | null
  recordError: ApiError | null
  paused: boolean
  /** Signals that wait for the pause to end. */
  waiting: number
  /** Signals heard live since the page was opened, newest last, at most 50. */
  heard: readonly SignalItem[]
}

export class LiveStore {
  private state: LiveState = {
    connection: { phase: 'connecting', attempt: 0, retryAtMs: null },
    health: null,
    silent: null,
    clock: null,
    models: null,
    signals: [],
    pages: new Map(),
    reasons: new Map(),
    series: new Map(),
    seriesError: null,
    record: null,
    recordError: null,
    paused: false,
    waiting: 0,
    heard: [],
  }
  private readonly listeners = new Set<() => void>()
  private readonly reading = new Set<string>()
  private queue: StreamMessage[] = []
  private folding = 0
  private filter: Filter | null = null
  private scope: string | null = null
  private opened = false
  private readonly socket = new SignalSocket(
    (message) => this.hear(message),
    (connection) => this.set({ connection }),
  )

  readonly snapshot = (): LiveState => this.state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Begin to ask; the stream is opened once the gateway has read its topics. */
  start(): void {
    every(HEALTH_MS, () => this.readHealth())
    every(MODELS_MS, () => this.readModels())
    every(RECORD_MS, () => this.readRecord())
  }

  /** Show the signals of a filter; reads the first page when it is new. */
  show(filter: Filter): void {
    this.filter = filter
    if (this.opened && !this.state.pages.has(queryOf(filter))) void this.readPage(filter, null)
  }

  readOlder(filter: Filter): void {
    const page = this.state.pages.get(queryOf(filter))
    if (page === undefined || page.loading || page.depth === 0) return
    void this.readPage(filter, page.error === null ? page.depth : null)
  }

  /** Score the past of one symbol, or of all. */
  scoreOf(symbol: string | null): void {
    this.scope = symbol
    void this.readRecord()
  }

  pause(paused: boolean): void {
    this.set({ paused })
    if (paused) return
    if (this.queue.length >= HELD_BACK) void this.readAgain()
    this.fold()
  }

  /** Read one signal with its explanation, wherever it is. */
  async open(signalId: string): Promise<void> {
    const before = this.state.reasons.get(signalId)
    if (before?.state === 'ready' || before?.state === 'loading') return
    this.setReason(signalId, { explanation: null, state: 'loading', error: null })
    try {
      const { explanation, ...signal } = await asked<SignalDetail>(`/api/signals/${signalId}`)
      this.set({ signals: withSignals(this.state.signals, [signal]) })
      this.setReason(signalId, { explanation, state: explanation ? 'ready' : 'none', error: null })
    } catch (error) {
      this.setReason(signalId, { explanation: null, state: 'failed', error: asApiError(error) })
    }
  }

  /** Ask for an explanation that was not made by itself; it may follow on the stream. */
  async explain(signal: SignalItem): Promise<void> {
    this.setReason(signal.signal_id, { explanation: null, state: 'loading', error: null })
    try {
      const { explanation } = await askedPlain<PredictAnswer>('/api/v1/predict', {
        symbol: signal.symbol,
        timestamp: new Date(signal.event_time_ms).toISOString(),
        explain: true,
        risk_check: false,
      })
      if (this.state.reasons.get(signal.signal_id)?.state === 'ready') return
      const state = explanation ? 'ready' : 'pending'
      this.setReason(signal.signal_id, { explanation, state, error: null })
    } catch (error) {
      const failed = { explanation: null, state: 'failed' as const, error: asApiError(error) }
      this.setReason(signal.signal_id, failed)
    }
  }

  async acknowledge(signal: SignalItem): Promise<void> {
    const path = `/api/signals/${signal.signal_id}/acknowledge`
    const acknowledged = await asked<SignalAcknowledged>(path, {})
    this.set({ signals: withSignals(this.state.signals, [{ ...signal, acknowledged }]) })
  }

  /** Have bars and regimes of a symbol back to a moment, and at least a chart's worth. */
  async readSeries(symbol: string, backToMs: number): Promise<void> {
    if (this.reading.has(symbol)) return
    this.reading.add(symbol)
    for (let more = true; more; ) {
      const bars = this.state.series.get(symbol)?.bars ?? []
      const first = bars[0]
      const back = first ? Math.ceil((first.event_time_ms - backToMs) / first.timeframe_ms) : 0
      const count = Math.min(Math.max(CHART_BARS - bars.length, back), MOST_BARS)
      if (count <= 0) break
      more = (await this.readBars(symbol, count, first?.event_time_ms ?? null)) === count
    }
    this.reading.delete(symbol)
  }

  /** Read some bars and regimes, the newest or those before a moment; how many there were. */
  private async readBars(symbol: string, count: number, beforeMs: number | null): Promise<number> {
    const before = beforeMs === null ? '' : `&before_ms=${beforeMs}`
    try {
      const [{ bars }, { history }] = await Promise.all([
        asked<BarList>(`/api/bars/${symbol}?limit=${count}${before}`),
        asked<RegimeAnswer>(`/api/analysis/${symbol}/regime?history=${count}${before}`),
      ])
      const held = this.state.series.get(symbol) ?? NO_SERIES
      const end = held.bars.at(-1)?.event_time_ms ?? 0
      // After a long absence what is held does not reach what is new: a chart has no holes.
      const apart = beforeMs === null && end < (bars[0]?.event_time_ms ?? 0)
      const kept = apart ? NO_SERIES : held
      const series = new Map(this.state.series)
      series.set(symbol, { bars: merged(bars, kept.bars), regimes: merged(history, kept.regimes) })
      this.set({ series, seriesError: null })
      return bars.length
    } catch (error) {
      this.set({ seriesError: asApiError(error) })
      return 0
    }
  }

  private hear(message: StreamMessage): void {
    if ((message.type === 'hello' || message.type === 'heartbeat') && message.clock_ms !== null)
      this.setClock(message.clock_ms)
    if (message.type === 'hello' || message.type === 'gap') void this.readAgain()
    if (message.type === 'heartbeat' || message.type === 'hello' || message.type === 'gap') return
    if (this.queue.length < HELD_BACK) this.queue.push(message)
    if (this.state.paused) {
      if (message.type === 'signal') this.set({ waiting: this.state.waiting + 1 })
    } else if (this.folding === 0) this.folding = window.setTimeout(() => this.fold(), FOLD_MS)
  }

  private fold(): void {
    this.folding = 0
    if (this.state.paused) return
    const messages = this.queue
    this.queue = []
    const { signals, series, heard } = this.state
    const known = new Set(signals.map((signal) => signal.signal_id))
    const changed = signalsOf(signals, messages)
    const fresh = changed.filter((signal) => !known.has(signal.signal_id))
    this.set({
      signals: withSignals(signals, changed),
      series: withMessages(series, messages),
      heard: fresh.length ? [...heard, ...fresh].slice(-50) : heard,
      waiting: 0,
    })
    for (const message of messages)
      if (message.type === 'explanation') {
        const ready = { explanation: message.data, state: 'ready' as const, error: null }
        if (this.state.reasons.has(message.data.signal_id)) this.setReason(message.data.signal_id, ready)
      }
  }

  /** After a connection was made, or something was missed: what the stream does not repeat. */
  private async readAgain(): Promise<void> {
    void this.readHealth()
    void this.readRecord()
    if (this.filter) void this.readPage(this.filter, null)
    const symbols = this.state.health?.symbols.map((each) => each.symbol) ?? []
    for (const symbol of symbols) {
      const charted = (this.state.series.get(symbol)?.bars.length ?? 0) > 2 * STRIP_BARS
      await this.readBars(symbol, charted ? CHART_BARS : STRIP_BARS, null)
    }
  }

  private async readPage(filter: Filter, beforeMs: number | null): Promise<void> {
    const name = queryOf(filter)
    const page = this.state.pages.get(name) ?? { depth: Infinity, loading: false, error: null }
    this.setPage(name, { ...page, loading: true })
    // Signals of one close share a time: the moment itself is asked for again.
    const before = beforeMs === null ? '' : `&before_ms=${beforeMs + 1}`
    try {
      const { signals } = await asked<SignalList>(`/api/signals?limit=${PAGE}&${name}${before}`)
      const oldest = signals.at(-1)?.event_time_ms ?? 0
      const depth = signals.length < PAGE ? 0 : Math.min(page.depth, oldest)
      this.set({ signals: withSignals(this.state.signals, signals) })
      this.setPage(name, { depth, loading: false, error: null })
    } catch (error) {
      this.setPage(name, { ...page, loading: false, error: asApiError(error) })
    }
  }

  private async readHealth(): Promise<void> {
    try {
      const health = await asked<Health>('/api/system/health')
      const before = this.state.health
      this.set({ health, silent: null })
      if (health.clock_ms !== null) this.setClock(health.clock_ms)
      if (health.status === 'starting') return
      if (!this.opened) {
        this.opened = true
        this.socket.open()
        void this.readModels()
      }
      const known = new Set(before?.symbols.map((each) => each.symbol))
      for (const { symbol } of health.symbols)
        if (!known.has(symbol)) void this.readBars(symbol, STRIP_BARS, null)
    } catch (error) {
      const sinceMs = this.state.silent?.sinceMs ?? Date.now()
      this.set({ silent: { error: asApiError(error), sinceMs } })
    }
  }

  private async readModels(): Promise<void> {
    if (!this.opened) return
    const models = await askedPlain<ModelList>('/api/v1/models').catch(() => null)
    if (models) this.set({ models })
  }

  private async readRecord(): Promise<void> {
    if (!this.opened) return
    const symbol = this.scope
    const ticker = symbol === null ? '' : `&ticker=${symbol}`
    try {
      const list = await asked<SignalList>(`/api/signals?scored=true&limit=1${ticker}`)
      if (symbol !== this.scope) return
      const record = { symbol, rows: list.summary ?? [], bins: list.reliability ?? [] }
      this.set({ record, recordError: null })
    } catch (error) {
      this.set({ recordError: asApiError(error) })
    }
  }

  private setClock(marketMs: number): void {
    const { health } = this.state
    const speed = health === null || health.replay ? 0 : (health.speed ?? 0)
    this.set({ clock: { marketMs, atMs: performance.now(), speed } })
  }

  private setPage(name: string, page: Page): void {
    this.set({ pages: new Map(this.state.pages).set(name, page) })
  }

  private setReason(signalId: string, reason: Reason): void {
    this.set({ reasons: new Map(this.state.reasons).set(signalId, reason) })
  }

  private set(fields: Partial<LiveState>): void {
    this.state = { ...this.state, ...fields }
    this.listeners.forEach((listener) => listener())
  }
}

/** Do something now and again after it is done, for as long as the page is open. */
function every(waitMs: number, act: () => Promise<void>): void {
  void act().finally(() => setTimeout(() => every(waitMs, act), waitMs))
}

export const liveStore = new LiveStore()

/** Read one value of the state; the part is drawn again when it changes. */
export function useLive<T>(select: (state: LiveState) => T): T {
  return useSyncExternalStore(liveStore.subscribe, () => select(liveStore.snapshot()))
}
