// The numbers of a run that tables show, in their order.

import { countText, percent, ratioText, signedPercent } from '../lib/format'
import type { Metrics } from './result'

export interface Column {
  name: keyof Metrics
  label: string
  text: (value: number | null) => string
}

export const COLUMNS: readonly Column[] = [
  { name: 'total_return', label: 'Return', text: (value) => signedPercent(value, 1) },
  { name: 'annual_return', label: 'A year', text: (value) => signedPercent(value, 1) },
  { name: 'sharpe_ratio', label: 'Sharpe', text: ratioText },
  { name: 'sortino_ratio', label: 'Sortino', text: ratioText },
  { name: 'calmar_ratio', label: 'Calmar', text: ratioText },
  { name: 'max_drawdown', label: 'Max drawdown', text: (value) => percent(value, 1) },
  { name: 'win_rate', label: 'Wins', text: (value) => percent(value) },
  { name: 'profit_factor', label: 'Profit factor', text: ratioText },
  { name: 'trades', label: 'Trades', text: (value) => (value === null ? '–' : countText(value)) },
  { name: 'exposure', label: 'In market', text: (value) => percent(value) },
  {
    name: 'turnover',
    label: 'Turnover a year',
    text: (value) => (value === null ? '–' : `${countText(Math.round(value))}×`),
  },
]

export function valueOf(metrics: Metrics, name: keyof Metrics): number | null {
  return metrics[name] as number | null
}
