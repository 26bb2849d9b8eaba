// The timeframe that an address names, as in `?tf=15m#/`: before the `#`, so that every link keeps it.

import type { Health } from '../contract'
import type { KeyBinding } from './keys'

const PARAMETER = 'tf'

/** A timeframe that runs. */
export interface Timeframe {
  /** As the gateway writes it, e.g. `15m`. */
  name: string
  ms: number
  /** The one whose bars the others are made of: it is shown when none is named. */
  isBase: boolean
}

/** The name in an address; null when it names none. */
export function timeframeOf(search: string): string | null {
  return new URLSearchParams(search).get(PARAMETER) || null
}

/** The `?` part of an address with another timeframe; what else it holds stays. */
export function searchFor(search: string, { name, isBase }: Pick<Timeframe, 'name' | 'isBase'>): string {
  const query = new URLSearchParams(search)
  if (isBase) query.delete(PARAMETER)
  else query.set(PARAMETER, name)
  return query.size === 0 ? '' : `?${query}`
}

export interface ShownTimeframe {
  /** All that run, ascending; empty until the gateway has named them. */
  all: readonly Timeframe[]
  /** The one that is shown; null until the gateway has named them. */
  shown: Timeframe | null
  /** What the address names, if that does not run. */
  unknown: string | null
}

export function runningTimeframes(listed: Health['timeframes']): readonly Timeframe[] {
  return listed.map(({ timeframe, timeframe_ms }, place) => ({
    name: timeframe,
    ms: timeframe_ms,
    isBase: place === 0,
  }))
}

/** The one of a name, else the base one; a name that does not run is told as such. */
export function chooseTimeframe(all: readonly Timeframe[], named: string | null): ShownTimeframe {
  const match = all.find(({ name }) => name === named)
  return {
    all,
    shown: match ?? all[0] ?? null,
    unknown: match === undefined && all.length > 0 ? named : null,
  }
}

/** A digit for each timeframe; none where one runs alone. */
export function timeframeKeys(all: readonly Timeframe[], act: (timeframe: Timeframe) => void): readonly KeyBinding[] {
  if (all.length < 2) return []
  const digits = all.map((_, place) => String(place + 1))
  const names = all.map(({ name }) => name).join(', ')
  return [{ keys: digits, meaning: `Timeframe ${names}`, act: (key) => act(all[Number(key) - 1]!) }]
}
