// Pinned runs: what a comparison needs of each, by job id.

import type { Body } from './draft'
import { type Curve, type Metrics, paramsText, type PerformanceResult, requestOfResult, type Result } from './result'
import { placeBefore } from '../ui/plot/scale'
import type { Kind } from './schema'

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

const POINTS = 400
export const MOST_PINS = 6

/** The pins of a stored document, whatever somebody wrote there. */
export function pinsOf(document: unknown): readonly Pin[] {
  return Array.isArray(document) ? (document as Pin[]).filter((pin) => Array.isArray(pin?.growth)) : []
}

/** Pins with one more, or without it where it was pinned. The oldest give way. */
export function toggled(pins: readonly Pin[], pin: Pin): readonly Pin[] {
  const others = pins.filter(({ jobId }) => jobId !== pin.jobId)
  return others.length < pins.length ? others : [...others, pin].slice(-MOST_PINS)
}

/** What a pin keeps of a result; null while it has no equity. Of a search, that is the trial on show. */
export function pinOf(result: Result, trial: PerformanceResult | null): Pin | null {
  const shown = result.kind === 'optimize' ? trial : result
  if (shown === null || shown.equity === null) return null
  const scheme = result.kind === 'walk_forward' ? `${result.scheme} walk-forward` : ''
  const params = 'params' in shown ? paramsText(shown.params) : ''
  const decision = String(result.spec['strategy'] ?? result.spec['indicator'] ?? '').replaceAll('_', ' ')
  return {
    jobId: shown.job_id,
    kind: shown.kind,
    body: requestOfResult(shown),
    symbol: shown.market.symbol,
    timeframe: shown.market.timeframe,
    what: [decision, params || scheme].filter(Boolean).join(', '),
    trials: 'trials' in result && typeof result.trials === 'number' ? result.trials : 1,
    deflated: 'deflated_sharpe_ratio' in result ? result.deflated_sharpe_ratio : null,
    pbo: 'pbo' in result ? result.pbo : null,
    metrics: shown.metrics,
    hold: shown.benchmarks[0]?.metrics ?? null,
    ...thinned(shown.equity),
  }
}

function thinned({ time_ms, equity }: Curve): Pick<Pin, 'time' | 'growth'> {
  const [first = 0, last = 1] = [time_ms[0], time_ms.at(-1)]
  const time = Array.from({ length: POINTS }, (_, at) => first + ((last - first) * at) / (POINTS - 1))
  const start = equity[0] ?? 1
  const growth = time.map((ms) => Number(((equity[placeBefore(time_ms, ms)] ?? start) / start - 1).toFixed(5)))
  return { time: time.map(Math.round), growth }
}
