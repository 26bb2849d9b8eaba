// What is looked at: a market, a timeframe, a span of time. It stands before the `#` of an address, as
// in `?symbol=BTCUSDT&tf=15m&span=30d#/performance`, so that every link of the page keeps it.

import { searchFor, type Timeframe } from './timeframe'

export const SPANS = { '7d': 'Last 7 days', '30d': 'Last 30 days', '90d': 'Last 90 days', '365d': 'Last year' } as const

export type Span = keyof typeof SPANS

/** A part that is left out stays as it is; null takes it from the address. */
export interface ScopeChange {
  symbol?: string | null
  timeframe?: Pick<Timeframe, 'name' | 'isBase'>
  span?: Span | null
}

/** The market that an address names; null: all of them. */
export function symbolOf(search: string): string | null {
  return new URLSearchParams(search).get('symbol') || null
}

/** The span that an address names; null: all there is. */
export function spanOf(search: string): Span | null {
  const name = new URLSearchParams(search).get('span')
  return name !== null && Object.hasOwn(SPANS, name) ? (name as Span) : null
}

/** How long a span is. */
export function spanMs(span: Span): number {
  return Number.parseInt(span, 10) * 86_400_000
}

/** The `?` part of an address after a change; what else it holds stays. */
export function searchAfter(search: string, { symbol, timeframe, span }: ScopeChange): string {
  const query = new URLSearchParams(timeframe === undefined ? search : searchFor(search, timeframe))
  for (const [name, value] of Object.entries({ symbol, span })) {
    if (value === null) query.delete(name)
    else if (value !== undefined) query.set(name, value)
  }
  return query.size === 0 ? '' : `?${query}`
}
