// The plan of a signal: where it aims, where it is wrong, when it ends, how it ended.

import type { Bar, SignalItem } from '../../contract'
import { priceText } from '../../lib/format'
import { placeOf } from './barPlaces'

export interface Plan {
  /** Place of the signal's bar in the data, and of the bar that ends its horizon. */
  from: number
  to: number
  reference: number
  levels: readonly { price: number; text: string; wrong: boolean }[]
  /** From the next bar's open to the close at expiry; null before. */
  outcome: { entry: number; exit: number; hit: boolean } | null
}

export function planOf(signal: SignalItem, bars: readonly Bar[]): Plan | null {
  const from = placeOf(signal.event_time_ms, bars)
  if (bars[from]?.event_time_ms !== signal.event_time_ms) return null
  const { reference_price: reference, target_price: target, invalidation_price: wrong } = signal
  const band = [1, -1].map((side) => ({
    price: reference * (1 + side * signal.threshold),
    text: `${side > 0 ? '+' : '−'}${(signal.threshold * 100).toFixed(2)}%`,
    wrong: false,
  }))
  const aims = [
    ...(target === null ? [] : [{ price: target, text: `Target ${priceText(target, reference)}`, wrong: false }]),
    ...(wrong === null ? [] : [{ price: wrong, text: `Invalid ${priceText(wrong, reference)}`, wrong: true }]),
  ]
  const { score } = signal
  return {
    from,
    to: from + signal.horizon_bars,
    reference,
    levels: aims.length ? aims : signal.direction === 'neutral' ? band : [],
    outcome:
      score?.entry_price != null && score.exit_price != null && score.hit !== null
        ? { entry: score.entry_price, exit: score.exit_price, hit: score.hit }
        : null,
  }
}
