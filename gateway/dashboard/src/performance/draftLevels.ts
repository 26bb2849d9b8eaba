// Entry and exit of a trade that is being written, as prices that can be dragged on the chart.

import { signedPercent } from '../lib/format'
import type { DraftLevel } from '../live/chart/LevelDrawing'
import type { TradeDraft } from './tradeDraft'

/**
 * Entry and exit. What the form does not name yet is offered: the entry at the last price, the exit
 * at the target; none while nobody knows a price.
 */
export function draftLevels(
  { side, entry, exit }: Pick<TradeDraft, 'side' | 'entry' | 'exit'>,
  lastPrice: number | null,
  targetPrice: number | null,
): readonly DraftLevel[] {
  const entryPrice = priceOf(entry) ?? lastPrice
  if (entryPrice === null) return []
  const exitPrice = priceOf(exit) ?? targetPrice ?? lastPrice ?? entryPrice
  const change = (exitPrice / entryPrice - 1) * (side === 'buy' ? 1 : -1)
  return [
    { name: 'Entry', price: entryPrice, note: '', isOffered: priceOf(entry) === null },
    {
      name: 'Exit',
      price: exitPrice,
      note: priceOf(exit) === null ? '' : `${signedPercent(change)} before costs`,
      isOffered: priceOf(exit) === null,
    },
  ]
}

/** What is typed, as a price; null while it is none. */
function priceOf(text: string): number | null {
  const price = Number(text)
  return text.trim() !== '' && price > 0 && Number.isFinite(price) ? price : null
}
