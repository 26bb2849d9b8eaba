// What stands in the form at first: a run of a second or two that shows something.

import type { SymbolHealth } from '../contract'
import { type Body, type Draft, draftOf, NO_RANGE, type RangeText } from './draft'
import type { Tables } from './ResearchState'
import type { Group, Kind } from './schema'

type Row = Record<string, unknown>

interface Bounds {
  type: string
  low: number
  high: number
  default: number
}

const STEPS = 8
const HOUR_MS = 3_600_000

export function startingDraft(
  kind: Kind,
  groups: readonly Group[],
  tables: Tables,
  symbols: readonly SymbolHealth[],
): Draft {
  const market = symbols.find(({ symbol }) => symbol.startsWith('BTC')) ?? symbols[0]
  const thresholds = thresholdsOf('bollinger_z', tables.indicator)
  const [min = 0.5, max = 3, step = 0.25] = thresholds ?? []
  const fine = kind === 'optimize' ? { window: 5, signal: step / 2 } : { window: 20, signal: step }
  const body: Body = {
    symbol: market?.symbol ?? '',
    // A minute's edge does not pay a taker's fee; the quarter of an hour still has many bars.
    timeframe: market && market.timeframe_ms < HOUR_MS / 4 ? '15m' : null,
    window_range: { min: fine.window === 5 ? 10 : 20, max: 200, step: fine.window },
    signal_range: { min, max, step: fine.signal },
    window: 50,
    signal: 1,
  }
  return draftOf(
    groups.flatMap((group) => group.fields),
    body,
  )
}

/** A draft of one kind as far as another asks for the same. */
export function carried(draft: Draft, into: Draft): Draft {
  const shared = Object.keys(into).filter((name) => draft[name] !== undefined && name !== 'kind')
  return { ...into, ...Object.fromEntries(shared.map((name) => [name, draft[name]!])) }
}

function thresholdsOf(indicator: string, rows: readonly Row[] | undefined): number[] | null {
  const row = rows?.find((each) => each['name'] === indicator)
  const thresholds = row?.['thresholds'] as { min: number; max: number; step: number } | undefined
  return thresholds ? [thresholds.min, thresholds.max, thresholds.step] : null
}

/** Thresholds that make sense for an indicator. */
export function rangeOfIndicator(indicator: string, rows: readonly Row[] | undefined, draft: Draft): Draft {
  const thresholds = thresholdsOf(indicator, rows)
  if (thresholds === null) return {}
  const [min = 0, max = 0, step = 0] = thresholds
  const middle = Math.round((min + max) / 2 / step) * step
  return {
    ...(draft['signal_range'] === undefined ? {} : { signal_range: texts(min, max, step) }),
    ...(draft['signal'] === undefined ? {} : { signal: String(middle) }),
  }
}

/** Ranges over the first two parameters of a strategy, from their bounds. */
export function spaceOf(row: Row | undefined): Record<string, RangeText> {
  const parameters = Object.entries((row?.['parameters'] ?? {}) as Record<string, Bounds>)
  return Object.fromEntries(
    parameters.map(([name, { type, low, high }], place) => {
      if (place > 1) return [name, NO_RANGE]
      const size = (high - low) / STEPS
      const step = type === 'int' ? Math.max(1, Math.floor(size)) : Number(size.toPrecision(2))
      return [name, texts(low, high, step)]
    }),
  )
}

function texts(min: number, max: number, step: number): RangeText {
  return { min: String(min), max: String(max), step: String(step) }
}
