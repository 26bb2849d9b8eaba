// What comes of a job, as workers/backtest writes it. A part may be null: too large for its topic,
// it then lies in a file that `urls` names.

import type { Metrics } from '../contract'
import type { Year } from '../ui/MonthTable'
import type { Body } from './draft'
import type { RunTrade } from './runTrade'

export type { Metrics }
export type Params = Record<string, number>

export interface Ground {
  job_id: string
  status: 'done' | 'cancelled' | 'partial' | 'failed'
  urls: Record<string, string>
  partial: boolean
  spec: Body
  market: {
    symbol: string
    timeframe: string
    timeframe_ms: number
    from_ms: number
    to_ms: number
    bars: number
    gaps: number
    without_volume: number
  }
  costs: { fee_bps: number; slippage_bps: number; funding: boolean; leverage: number; equity: number }
  funding_note: string
  benchmarks: readonly { name: string; metrics: Metrics }[]
}

/** How the best of a search stands against luck. */
export interface Judged {
  objective: string
  trials: number
  total: number
  effective_trials: number | null
  expected_max_sharpe: number | null
  deflated_sharpe_ratio: number | null
  pbo: number | null
  pbo_trials: number
  verdict: string
}

export interface Trial {
  params: Params
  score: number
  metrics: Metrics
  probabilistic_sharpe_ratio: number | null
  deflated_sharpe_ratio: number | null
}

export interface Heat {
  objective: string
  x_name: string
  y_name: string
  x: readonly (number | string)[]
  y: readonly (number | string)[]
  z: readonly (readonly (number | null)[])[]
  best: { row: number; column: number } | null
}

export interface Neighbourhood {
  optimum: number
  mean: number | null
  neighbours: number
  share: number | null
  shape: 'plateau' | 'lone peak' | 'unknown'
}

export interface Distribution {
  count: number
  undefined: number
  mean?: number
  median?: number
  edges: readonly number[]
  counts: readonly number[]
}

export interface OptimizeResult extends Ground, Judged {
  kind: 'optimize'
  best_params: Params | null
  best: Trial | null
  top_10: readonly Trial[]
  distribution: Distribution | null
  neighbourhood: Neighbourhood | null
  heatmap: Heat | null
}

export interface Curve {
  time_ms: readonly number[]
  equity: readonly number[]
  buy_and_hold: readonly number[]
  drawdown: readonly number[]
  points: number
  of: number
}

export interface PerformanceResult extends Ground {
  kind: 'performance'
  strategy: string
  params: Params
  metrics: Metrics
  intervals: Record<string, readonly [number, number] | null>
  equity: Curve | null
  monthly: readonly Year[] | null
  /** Reasons are those of the trades that ended, rows the newest; results of older releases lack reasons. */
  trades: { count: number; open: boolean; reasons?: Record<string, number>; rows?: readonly RunTrade[] } | null
  costs_paid: { fees: number; slippage: number; funding: number }
  liquidated_at_ms: number | null
  unfilled: number
}

export interface Span {
  from_ms: number
  to_ms: number
  bars: number
}

export interface Step {
  train: Span
  test: Span
  params: Params | null
  in_sample: Metrics | null
  out_of_sample: Metrics
  overfitting_ratio: number | null
  deflated_sharpe_ratio: number | null
}

export interface WalkForwardResult extends Ground, Judged {
  kind: 'walk_forward'
  scheme: string
  in_sample_sharpe_ratio: number | null
  out_of_sample_sharpe_ratio: number | null
  overfitting_ratio: number | null
  efficiency: number | null
  t_statistic: number | null
  warnings: readonly string[]
  windows: readonly Step[] | null
  metrics: Metrics
  stability: Record<
    string,
    { chosen: readonly number[]; distinct: number; changes: number; coefficient_of_variation: number | null }
  > | null
  equity: Curve | null
  monthly: readonly Year[] | null
}

/** Figures of a trial, as workers/tuning writes them. */
export interface TuningMetrics {
  total_return: number
  sharpe_ratio: number | null
  max_drawdown: number
  trades: number
  win_rate: number | null
  profit_factor: number | null
}

/** What comes of a search by hyperopt, as far as it is shown. */
export interface TuningResult {
  expected_max_sharpe: number | null
  deflated_sharpe_ratio: number | null
  pbo: number | null
  best_params: Record<string, unknown> | null
  in_sample: TuningMetrics | null
  out_of_sample: TuningMetrics | null
  holdout: { from_ms: number; to_ms: number } | null
  equity: { time_ms: readonly number[]; equity: readonly number[] } | null
}

export type Result = OptimizeResult | PerformanceResult | WalkForwardResult

/** The request that reproduces a result: it names its span, so that later bars change nothing. */
export function requestOfResult({ spec, market }: Ground): Body {
  return { ...spec, from_ms: market.from_ms, to_ms: market.to_ms, timeframe: market.timeframe }
}

/** The back-test of one trial of a search. */
export function backtestOf(spec: Body, params: Params): Body {
  const shared = ['symbol', 'timeframe', 'from_ms', 'to_ms', 'fee_bps', 'slippage_bps', 'funding', 'leverage', 'equity']
  const body = Object.fromEntries(shared.filter((name) => spec[name] != null).map((name) => [name, spec[name]]))
  if (spec['strategy'] != null) return { ...body, strategy: spec['strategy'], params }
  if (spec['mode'] === 'multi') {
    const factors = (spec['factors'] as Body[]).map((factor, place) => ({
      ...without(factor, 'window_range', 'signal_range'),
      window: params[`window_${place + 1}`],
      signal: params[`signal_${place + 1}`],
    }))
    return { ...body, mode: 'multi', factors, combine: spec['combine'] }
  }
  const { indicator, signal_type, data_column } = spec
  return { ...body, indicator, signal_type, data_column, window: params['window'], signal: params['signal'] }
}

function without(body: Body, ...names: readonly string[]): Body {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)))
}

export function isResult(value: unknown): value is Result {
  return typeof value === 'object' && value !== null && 'kind' in value && 'market' in value
}

/** `window 50 · signal 1.25`. */
export function paramsText(params: Params): string {
  return Object.entries(params)
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${numberText(value)}`)
    .join(' · ')
}

export function numberText(value: number): string {
  return String(Number(value.toPrecision(6))).replace('-', '−')
}

export function sameParams(one: Params, other: Params): boolean {
  return Object.entries(one).every(([name, value]) => other[name] === value)
}

/** What a 95% interval of a Sharpe ratio says, as the end of a sentence. */
export function sideOfZero([low, high]: readonly [number, number]): string {
  if (low > 0) return 'all of it above 0, if these parameters were not chosen on these bars'
  if (high < 0) return 'all of it below 0: this loses, and not by bad luck alone'
  return 'on both sides of 0, so it may be nothing but luck'
}
