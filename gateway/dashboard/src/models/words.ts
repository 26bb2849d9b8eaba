// What stands on records of a model, in words.

import type { GateFigure, GateReport } from '../contract'
import { valueText } from '../lib/format'

const GATES: Record<GateReport['name'], string> = {
  data: 'Data',
  features: 'Features and labels',
  boosted: 'Boosted trees',
  lstm: 'Sequence network',
  ensemble: 'Ensemble and trading',
  promotion: 'Promotion',
}
const FORECASTS: Record<string, string> = {
  ensemble: 'Ensemble',
  selection: 'With specialists, as served',
  xgboost: 'Boosted trees alone',
  lstm: 'Sequence network alone',
  class_prior: 'Class shares',
  naive_last_label: 'Last known label',
  historical_volatility: 'Historical volatility',
}
const RULES = { above: '>', at_least: '≥', below: '<', at_most: '≤' } as const

export function gateName(name: GateReport['name']): string {
  return GATES[name]
}

export function forecastName(name: string): string {
  return FORECASTS[name] ?? name
}

/** What a gate says: the figures that fell short, and whether they decide. */
export function gateDetail({ detail, figures }: Pick<GateReport, 'detail' | 'figures'>): string {
  const short = figures.filter(({ verdict }) => verdict === 'failed')
  const names = short.map(({ name }) => plainName(name).toLowerCase()).join(', ')
  if (short.length === 0 || !/^(failed|short of)/.test(detail)) return detail
  return short.some(({ required }) => required) ? `failed: ${names}` : `short of, which decides nothing: ${names}`
}

/** A name such as `log_loss_below_prior` as people read it. */
export function plainName(name: string): string {
  const words = name.replaceAll('_', ' ').replace('log loss', 'log-loss')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** What a figure must be, such as `≥ 1`; empty where it is only shown. */
export function ruleText(rule: GateFigure['rule'], threshold: number | null): string {
  return rule === null || threshold === null ? '' : `${RULES[rule]} ${valueText(threshold)}`
}
