// Trades as the chart draws them, whoever made them: ideas, a human's journal, a back-test.

import type { Bar, IdeaItem, TradeView } from '../../contract'
import { priceText, signedPercent } from '../../lib/format'
import { linkToIdea, linkToTrade } from '../../lib/route'
import { placeOf } from './barPlaces'

export type TradeKind = 'idea' | 'journal' | 'research'

/** Of each kind its shape, which says it without colour. */
export const TRADE_KINDS: Record<TradeKind, { name: string; shape: string }> = {
  idea: { name: 'Ideas', shape: '◆' },
  journal: { name: 'Journal', shape: '■' },
  research: { name: 'Back-test', shape: '●' },
}

export interface Fill {
  ms: number
  price: number
}

export interface ChartTrade {
  id: string
  kind: TradeKind
  side: 'buy' | 'sell'
  entry: Fill
  /** Null: it runs, or nobody knows its end. */
  exit: Fill | null
  runs: boolean
  /** After costs, fraction; null: not known yet. */
  netReturn: number | null
  target: number | null
  stop: number | null
  /** Where it is told of; null: nowhere. */
  link: string | null
}

/** An idea that has been entered; null before. */
export function tradeOfIdea(idea: IdeaItem): ChartTrade | null {
  if (idea.entry_price === null) return null
  const { closed_ms: closedMs, exit_price: exit } = idea
  return {
    id: idea.idea_id,
    kind: 'idea',
    side: idea.side,
    entry: { ms: idea.opened_ms, price: idea.entry_price },
    exit: closedMs === null || exit === null ? null : { ms: closedMs, price: exit },
    runs: closedMs === null,
    netReturn: idea.net_return,
    target: idea.target_price,
    stop: idea.stop_price,
    link: linkToIdea(idea.idea_id),
  }
}

/** What a human executed; null: he let it pass. */
export function tradeOfJournal({ trade_id: id, trade, grounds, result }: TradeView): ChartTrade | null {
  if (trade.action !== 'executed' || trade.entry === null) return null
  const { closed_ms: closedMs } = trade
  return {
    id,
    kind: 'journal',
    side: trade.side,
    entry: { ms: trade.opened_ms, price: Number(trade.entry) },
    exit: closedMs === null || trade.exit === null ? null : { ms: closedMs, price: Number(trade.exit) },
    runs: closedMs === null,
    netReturn: result?.net_return ?? null,
    target: null,
    stop: grounds?.invalidation_price ?? null,
    link: linkToTrade(id),
  }
}

export interface PlacedTrade extends ChartTrade {
  /** Places of the bars in which it was entered and left; the newest bar while it runs. */
  from: number
  to: number
}

/** The trades that were entered within the bars, in their places. */
export function placedTrades(trades: readonly ChartTrade[], bars: readonly Bar[]): readonly PlacedTrade[] {
  const [first, last] = [bars[0], bars.at(-1)]
  if (first === undefined || last === undefined) return []
  return trades
    .filter(({ entry: { ms } }) => ms >= first.event_time_ms - first.timeframe_ms && ms < last.event_time_ms)
    .map((trade) => {
      const from = placeOf(trade.entry.ms + 1, bars) // at a close the next bar has begun
      const end = trade.exit === null ? (trade.runs ? bars.length - 1 : from) : placeOf(trade.exit.ms, bars)
      return { ...trade, from, to: Math.max(from, end) }
    })
}

/** `Idea ▲ 63,181.9 → 63,250.0, +0.12%`, for the line that tells what is under the pointer. */
export function tradeText({ kind, side, entry, exit, runs, netReturn }: ChartTrade): string {
  const noun = { idea: 'Idea', journal: 'Trade', research: 'Back-test' }[kind]
  const prices = [entry, ...(exit === null ? [] : [exit])].map(({ price }) => priceText(price, entry.price))
  const end = runs ? ', runs' : netReturn === null ? ', end unknown' : `, ${signedPercent(netReturn)} after costs`
  return `${noun} ${side === 'buy' ? '▲' : '▼'} ${prices.join(' → ')}${end}`
}
