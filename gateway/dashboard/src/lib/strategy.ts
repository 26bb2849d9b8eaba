import type { ModelList } from '../contract'

/** The strategy whose models run: its name stands before the timeframe, as in `ensemble/15m`. */
export function strategyOf({ serving, models }: ModelList): string {
  const name = Object.keys(serving)[0] ?? Object.keys(models)[0] ?? 'ensemble'
  return name.split('/')[0] ?? name
}
