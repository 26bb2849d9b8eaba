// Which signals the list shows, and how the gateway is asked for more of the same.

import type { SignalItem } from '../contract'
import { type Direction, DIRECTIONS, type Grade, GRADES } from '../lib/signal'
import type { Timeframe } from '../lib/timeframe'

export interface Filter {
  /** The one that is shown, as the address says; null until the gateway has named those that run. */
  timeframe: Timeframe | null
  /** One symbol; null for all. It stands in the address. */
  symbol: string | null
  /** Part of a symbol, as typed. */
  text: string
  grades: readonly Grade[]
  directions: readonly Direction[]
  /** Least rank; null: also what has none. */
  minRank: number | null
  /** Each bar alone, not one line an episode. */
  everyBar: boolean
}

export const RANKS = [50, 75, 90] as const

/** Most signals are neutral; they are shown when asked for. */
export const DEFAULT_FILTER: Filter = {
  timeframe: null,
  symbol: null,
  text: '',
  grades: GRADES,
  directions: ['buy', 'sell'],
  minRank: null,
  everyBar: false,
}

/** Every signal there is. */
export const WHOLE_FILTER: Filter = { ...DEFAULT_FILTER, directions: DIRECTIONS }

/** The filter of an earlier visit, as far as it is one. */
export function filterFrom(stored: unknown): Filter {
  const { grades, directions, minRank, everyBar } = (stored ?? {}) as Record<keyof Filter, unknown>
  const among = <T>(all: readonly T[], chosen: unknown, otherwise: readonly T[]) =>
    Array.isArray(chosen) ? all.filter((item) => chosen.includes(item)) : otherwise
  return {
    timeframe: null,
    symbol: null,
    text: '',
    grades: among(GRADES, grades, DEFAULT_FILTER.grades),
    directions: among(DIRECTIONS, directions, DEFAULT_FILTER.directions),
    minRank: RANKS.find((rank) => rank === minRank) ?? null,
    everyBar: everyBar === true,
  }
}

export function passes(filter: Filter, signal: SignalItem): boolean {
  return (
    (filter.timeframe === null || signal.timeframe_ms === filter.timeframe.ms) &&
    (filter.symbol === null || signal.symbol === filter.symbol) &&
    signal.symbol.includes(symbolPart(filter.text)) &&
    filter.grades.includes(signal.grade) &&
    filter.directions.includes(signal.direction) &&
    (filter.minRank === null || (signal.rank ?? -1) >= filter.minRank)
  )
}

/** Part of a symbol as the symbols themselves are written: letters of any script in one form, no signs between. */
function symbolPart(text: string): string {
  return text
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[^\p{L}\p{M}\p{N}]/gu, '')
}

/** The gateway's query for a filter; also the name of the page of signals it gives. */
export function queryOf(filter: Filter): string {
  const query = new URLSearchParams()
  if (filter.timeframe?.isBase === false) query.set('timeframe', filter.timeframe.name)
  if (filter.symbol !== null) query.set('ticker', filter.symbol)
  if (filter.grades.length < GRADES.length) filter.grades.forEach((g) => query.append('grade', g))
  if (filter.directions.length < DIRECTIONS.length) filter.directions.forEach((d) => query.append('direction', d))
  if (filter.minRank !== null) query.set('min_rank', String(filter.minRank))
  return query.toString()
}

/** Whether only neutral signals are left out. */
export function isQuiet(filter: Filter): boolean {
  return queryOf({ ...filter, timeframe: null, symbol: null }) === queryOf(DEFAULT_FILTER) && filter.text === ''
}

export function toggled<T>(all: readonly T[], chosen: readonly T[], item: T): readonly T[] {
  return all.filter((each) => chosen.includes(each) !== (each === item))
}
