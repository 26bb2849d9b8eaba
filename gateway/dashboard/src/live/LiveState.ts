// What the page knows of the running pipeline.

import type { Explanation, FeatureRank, Health, ModelList, SignalItem, SignalList } from '../contract'
import type { ApiError } from '../lib/api'
import type { Series } from './fold'
import type { Connection } from './socket'

/** The signals of one query, as far back as they have been read. */
export interface SignalPage {
  /** Close of the oldest signal that was read; 0 when there is none older. */
  depth: number
  loading: boolean
  error: ApiError | null
}

export interface ExplanationState {
  explanation: Explanation | null
  /** How usual the values of its features are, where that is known. */
  ranks: Readonly<Record<string, FeatureRank>>
  phase: 'loading' | 'ready' | 'none' | 'pending' | 'failed'
  error: ApiError | null
}

export interface Scores {
  timeframe: string
  symbol: string | null
  span: SignalList['span']
  rows: NonNullable<SignalList['summary']>
  bins: NonNullable<SignalList['reliability']>
}

/** Market time at a moment of this page's own monotonic clock. */
export interface MarketClock {
  marketMs: number
  atMs: number
  speed: number
}

/** Milliseconds of market time now; null before the gateway answered. */
export function marketNow(clock: MarketClock | null): number | null {
  if (clock === null) return null
  return clock.marketMs + (performance.now() - clock.atMs) * clock.speed
}

export interface LiveState {
  connection: Connection
  health: Health | null
  /** Why the last health question failed, and since when none was answered. */
  outage: { error: ApiError; sinceMs: number } | null
  clock: MarketClock | null
  models: ModelList | null
  signals: readonly SignalItem[]
  /** By the query of a filter. */
  pages: ReadonlyMap<string, SignalPage>
  /** By signal id. */
  explanations: ReadonlyMap<string, ExplanationState>
  /** By symbol and timeframe, see `seriesKey`. */
  series: ReadonlyMap<string, Series>
  seriesError: ApiError | null
  scores: Scores | null
  scoresError: ApiError | null
  paused: boolean
  /** How many signals wait for the pause to end. */
  pausedSignals: number
  /** Signals that came live since the page was opened, newest last, at most 50. */
  newSignals: readonly SignalItem[]
}

export const INITIAL_STATE: LiveState = {
  connection: { phase: 'connecting', attempt: 0, retryAtMs: null },
  health: null,
  outage: null,
  clock: null,
  models: null,
  signals: [],
  pages: new Map(),
  explanations: new Map(),
  series: new Map(),
  seriesError: null,
  scores: null,
  scoresError: null,
  paused: false,
  pausedSignals: 0,
  newSignals: [],
}
