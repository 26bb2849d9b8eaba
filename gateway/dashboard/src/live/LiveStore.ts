// The state of the running pipeline, folded from REST and the stream. Components read `useLive`.

import type { Health, ModelList, SignalAcknowledged, SignalItem, SignalList } from '../contract'
import { asApiError, ask, askPlain } from '../lib/api'
import { createStore, update, useStore } from '../lib/store'
import type { Timeframe } from '../lib/timeframe'
import { ExplanationReader } from './ExplanationReader'
import { type Filter, queryOf } from './filter'
import { newestClose, signalsOf, withMessages, withSignals } from './fold'
import { INITIAL_STATE, type LiveState, marketNow, type SignalPage } from './LiveState'
import { SeriesReader } from './SeriesReader'
import { SignalSocket, type StreamMessage } from './socket'

const PAGE_SIZE = 200
const HEALTH_MS = 2_000
const MODELS_MS = 1_500
const SCORES_MS = 8_000
const FOLD_MS = 200 // messages are folded together: a fast replay must not repaint at its own pace
const MOST_QUEUED = 4_000 // while paused; beyond this the page reads again what it missed
const MOST_NEW_SIGNALS = 50

export class LiveStore {
  readonly state = createStore(INITIAL_STATE)
  readonly series = new SeriesReader(this.state)
  readonly explanations = new ExplanationReader(this.state)
  private queue: StreamMessage[] = []
  private foldTimer = 0
  private filter: Filter | null = null
  private timeframe: Timeframe | null = null
  private scoredSymbol: string | null = null
  private newestCloseMs = 0
  private isOpen = false
  private readonly socket = new SignalSocket(
    (message) => this.receive(message),
    (connection) => update(this.state, { connection }),
  )

  /** Begin to ask; the stream is opened once the gateway has read its topics. */
  start(): void {
    every(HEALTH_MS, () => this.readHealth())
    every(MODELS_MS, () => this.readModels())
    every(SCORES_MS, () => this.readScores())
  }

  /** Show another timeframe: the glance at every market, and the score of what has been. */
  showTimeframe(timeframe: Timeframe): void {
    if (timeframe.ms === this.timeframe?.ms) return
    this.timeframe = timeframe
    this.readStrips()
    void this.readScores()
  }

  /** Show the signals of a filter; reads the first page when it is new. */
  show(filter: Filter): void {
    this.filter = filter
    if (this.isOpen && !this.state.get().pages.has(queryOf(filter))) void this.readPage(filter, null)
  }

  readOlder(filter: Filter): void {
    const page = this.state.get().pages.get(queryOf(filter))
    if (page === undefined || page.loading || page.depth === 0) return
    void this.readPage(filter, page.error === null ? page.depth : null)
  }

  /** Score the past of one symbol, or of all. */
  score(symbol: string | null): void {
    this.scoredSymbol = symbol
    void this.readScores()
  }

  pause(paused: boolean): void {
    update(this.state, { paused })
    if (paused) return
    if (this.queue.length >= MOST_QUEUED) void this.readAgain()
    this.fold()
  }

  async acknowledge(signal: SignalItem): Promise<void> {
    const path = `/api/signals/${signal.signal_id}/acknowledge`
    const acknowledged = await ask<SignalAcknowledged>(path, {})
    this.putSignals([{ ...signal, acknowledged }])
  }

  private receive(message: StreamMessage): void {
    if ((message.type === 'hello' || message.type === 'heartbeat') && message.clock_ms !== null)
      this.setClock(message.clock_ms)
    if (message.type === 'hello' || message.type === 'gap') void this.readAgain()
    if (message.type === 'heartbeat' || message.type === 'hello' || message.type === 'gap') return
    if (this.queue.length < MOST_QUEUED) this.queue.push(message)
    const { paused, pausedSignals } = this.state.get()
    if (paused) {
      if (message.type === 'signal') update(this.state, { pausedSignals: pausedSignals + 1 })
    } else if (this.foldTimer === 0) this.foldTimer = window.setTimeout(() => this.fold(), FOLD_MS)
  }

  private fold(): void {
    this.foldTimer = 0
    const { paused, signals, series, newSignals, explanations } = this.state.get()
    if (paused) return
    const messages = this.queue
    this.queue = []
    const ids = new Set(signals.map((signal) => signal.signal_id))
    const changed = signalsOf(signals, messages)
    const added = changed.filter((signal) => !ids.has(signal.signal_id))
    update(this.state, {
      signals: withSignals(signals, changed),
      series: withMessages(series, messages),
      newSignals: added.length ? [...newSignals, ...added].slice(-MOST_NEW_SIGNALS) : newSignals,
      pausedSignals: 0,
    })
    this.newestCloseMs = Math.max(this.newestCloseMs, newestClose(messages))
    // What arrived is dated now, not at the next tick of the page: at 600 x that is ten bars later.
    const now = marketNow(this.state.get().clock)
    if (now !== null && messages.length > 0) this.setClock(now)
    for (const message of messages)
      if (message.type === 'explanation' && explanations.has(message.data.signal_id))
        void this.explanations.read(message.data.signal_id)
  }

  /** After a connection was made, or something was missed: what the stream does not repeat. */
  private async readAgain(): Promise<void> {
    void this.readHealth()
    void this.readScores()
    if (this.filter) void this.readPage(this.filter, null)
    await this.series.readNewest()
  }

  private async readPage(filter: Filter, beforeMs: number | null): Promise<void> {
    const query = queryOf(filter)
    const page = this.state.get().pages.get(query) ?? { depth: Infinity, loading: false, error: null }
    this.putPage(query, { ...page, loading: true })
    // Signals of one close share a time: the moment itself is asked for again.
    const before = beforeMs === null ? '' : `&before_ms=${beforeMs + 1}`
    try {
      const { signals } = await ask<SignalList>(`/api/signals?limit=${PAGE_SIZE}&${query}${before}`)
      const oldest = signals.at(-1)?.event_time_ms ?? 0
      const depth = signals.length < PAGE_SIZE ? 0 : Math.min(page.depth, oldest)
      this.putSignals(signals)
      this.putPage(query, { depth, loading: false, error: null })
    } catch (error) {
      this.putPage(query, { ...page, loading: false, error: asApiError(error) })
    }
  }

  private async readHealth(): Promise<void> {
    try {
      const health = await ask<Health>('/api/system/health')
      update(this.state, { health, outage: null })
      if (health.clock_ms !== null) this.setClock(health.clock_ms)
      if (health.status === 'starting') return
      const names = health.timeframes.map(({ timeframe }) => timeframe)
      this.socket.follow(names.length > 1 ? names : [])
      if (!this.isOpen) {
        this.isOpen = true
        this.socket.open()
        void this.readModels()
      }
      this.readStrips()
    } catch (error) {
      const sinceMs = this.state.get().outage?.sinceMs ?? Date.now()
      update(this.state, { outage: { error: asApiError(error), sinceMs } })
    }
  }

  private readStrips(): void {
    const { timeframe } = this
    if (timeframe === null || !this.isOpen) return
    for (const { symbol } of this.state.get().health?.symbols ?? []) void this.series.readStrip(symbol, timeframe)
  }

  private async readModels(): Promise<void> {
    if (!this.isOpen) return
    const models = await askPlain<ModelList>('/api/v1/models').catch(() => null)
    if (models) update(this.state, { models })
  }

  private async readScores(): Promise<void> {
    const { timeframe } = this
    if (!this.isOpen || timeframe === null) return
    const symbol = this.scoredSymbol
    const which =
      (timeframe.isBase ? '' : `&timeframe=${timeframe.name}`) + (symbol === null ? '' : `&ticker=${symbol}`)
    try {
      const list = await ask<SignalList>(`/api/signals?scored=true&limit=1${which}`)
      if (symbol !== this.scoredSymbol || timeframe !== this.timeframe) return
      const scores = {
        timeframe: timeframe.name,
        symbol,
        span: list.span,
        rows: list.summary ?? [],
        bins: list.reliability ?? [],
      }
      update(this.state, { scores, scoresError: null })
    } catch (error) {
      update(this.state, { scoresError: asApiError(error) })
    }
  }

  /** Set market time; a bar that has closed tells the time as well. */
  private setClock(told: number): void {
    const { health } = this.state.get()
    const speed = health === null || health.replay ? 0 : (health.speed ?? 0)
    const marketMs = Math.max(told, this.newestCloseMs)
    update(this.state, { clock: { marketMs, atMs: performance.now(), speed } })
  }

  private putSignals(signals: readonly SignalItem[]): void {
    update(this.state, { signals: withSignals(this.state.get().signals, signals) })
  }

  private putPage(query: string, page: SignalPage): void {
    update(this.state, { pages: new Map(this.state.get().pages).set(query, page) })
  }
}

/** Do something now and again after it is done, for as long as the page is open. */
function every(waitMs: number, act: () => Promise<void>): void {
  void act().finally(() => setTimeout(() => every(waitMs, act), waitMs))
}

export const liveStore = new LiveStore()

/** Read one part of the state. */
export function useLive<Part>(select: (state: LiveState) => Part): Part {
  return useStore(liveStore.state, select)
}
