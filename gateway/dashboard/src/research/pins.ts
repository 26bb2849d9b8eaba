// Pinned runs: kept on this machine by job id, with what a comparison needs.

import { useSyncExternalStore } from 'react'

import type { Body } from './draft'
import {
  type Curve,
  type Metrics,
  paramsText,
  type PerformanceResult,
  requestOfResult,
  type Result,
} from './result'
import type { Kind } from './schema'
import { placeBefore } from './scale'

export interface Pin {
  jobId: string
  kind: Kind
  /** The request that reproduces it. */
  body: Body
  symbol: string
  timeframe: string
  what: string
  trials: number
  deflated: number | null
  pbo: number | null
  metrics: Metrics
  hold: Metrics | null
  /** Growth since the start, thinned. */
  time: readonly number[]
  growth: readonly number[]
}

const KEY = 'regimeflow.research.pins'
const POINTS = 400
export const MOST_PINS = 6

const listeners = new Set<() => void>()
let held: readonly Pin[] = read()

function read(): readonly Pin[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(found) ? (found as Pin[]).filter((pin) => Array.isArray(pin.growth)) : []
  } catch {
    return []
  }
}

function keep(pins: readonly Pin[]): void {
  held = pins
  try {
    localStorage.setItem(KEY, JSON.stringify(pins))
  } catch {
    // Full or forbidden: the pins last as long as the page.
  }
  listeners.forEach((listener) => listener())
}

// Another tab may pin, too.
addEventListener('storage', (event) => {
  if (event.key !== KEY) return
  held = read()
  listeners.forEach((listener) => listener())
})

export function usePins(): readonly Pin[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => held,
  )
}

/** Pin a run, or take it off. */
export function togglePin(pin: Pin): void {
  const others = held.filter(({ jobId }) => jobId !== pin.jobId)
  keep(others.length < held.length ? others : [...others, pin].slice(-MOST_PINS))
}

/** What is kept of a result; null while it has no equity. */
export function pinOf(result: Result, looked: PerformanceResult | null): Pin | null {
  const shown = result.kind === 'optimize' ? looked : result
  if (shown === null || shown.equity === null) return null
  const ran = result.kind === 'walk_forward' ? `${result.scheme} walk-forward` : ''
  const params = 'params' in shown ? paramsText(shown.params) : ''
  return {
    jobId: shown.job_id,
    // Of a search, the trial that is looked at is what can be compared.
    kind: shown.kind,
    body: requestOfResult(shown),
    symbol: shown.market.symbol,
    timeframe: shown.market.timeframe,
    what: [String(result.spec['strategy'] ?? result.spec['indicator'] ?? '').replaceAll('_', ' '), params || ran].filter(Boolean).join(', '),
    trials: 'trials' in result && typeof result.trials === 'number' ? result.trials : 1,
    deflated: 'deflated_sharpe_ratio' in result ? result.deflated_sharpe_ratio : null,
    pbo: 'pbo' in result ? result.pbo : null,
    metrics: shown.metrics,
    hold: shown.benchmarks[0]?.metrics ?? null,
    ...thinned(shown.equity),
  }
}

function thinned({ time_ms, equity }: Curve): { time: readonly number[]; growth: readonly number[] } {
  const [first = 0, last = 1] = [time_ms[0], time_ms.at(-1)]
  const time = Array.from({ length: POINTS }, (_, at) => first + ((last - first) * at) / (POINTS - 1))
  const start = equity[0] ?? 1
  const growth = time.map((ms) => Number(((equity[placeBefore(time_ms, ms)] ?? start) / start - 1).toFixed(5)))
  return { time: time.map(Math.round), growth }
}
