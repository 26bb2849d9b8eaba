// A trade as the form holds it: text throughout, so that amounts stay exact. Times are UTC.

import type { IdeaItem, JournalTrade, SignalDetail, TradeView } from '../contract'
import type { Source } from './place'

export interface TradeDraft {
  symbol: string
  action: JournalTrade['action']
  side: JournalTrade['side']
  entry: string
  exit: string
  quantity: string
  fees: string
  opened: string
  closed: string
  notes: string
}

export function emptyDraft(symbol: string): TradeDraft {
  const amounts = { entry: '', exit: '', quantity: '', fees: '' }
  return { symbol, action: 'executed', side: 'buy', ...amounts, opened: '', closed: '', notes: '' }
}

/** A trade on a signal, at the price it was made at. */
export function draftOfSignal(signal: SignalDetail): TradeDraft {
  const draft = emptyDraft(signal.symbol)
  const side = signal.direction === 'sell' ? 'sell' : 'buy'
  const quantity = signal.recommended_quantity === null ? '' : String(signal.recommended_quantity)
  return { ...draft, side, entry: String(signal.reference_price), quantity }
}

/** A trade on an idea, at the price and the time it entered at. */
export function draftOfIdea(idea: IdeaItem): TradeDraft {
  const { symbol, side, entry_price: entry, reference_price: close, opened_ms: openedMs } = idea
  return {
    ...emptyDraft(symbol),
    side,
    entry: String(entry ?? close),
    opened: timeText(entry === null ? null : openedMs),
  }
}

export function draftOfTrade({ symbol, trade }: TradeView): TradeDraft {
  const { action, side, notes } = trade
  return {
    symbol,
    action,
    side,
    notes,
    entry: amountText(trade.entry),
    exit: amountText(trade.exit),
    quantity: amountText(trade.quantity),
    fees: amountText(trade.fees),
    opened: timeText(trade.opened_ms),
    closed: timeText(trade.closed_ms),
  }
}

type Field = Exclude<keyof TradeDraft, 'symbol'>

/** How the route names a field, and what it takes for an empty one. */
function valuesOf(draft: TradeDraft): Record<Field, [name: string, value: unknown]> {
  const amount = (text: string) => text.trim() || null
  return {
    action: ['action', draft.action],
    side: ['side', draft.side],
    entry: ['entry', amount(draft.entry)],
    exit: ['exit', amount(draft.exit)],
    quantity: ['quantity', amount(draft.quantity)],
    fees: ['fees', amount(draft.fees)],
    opened: ['opened_ms', timeMs(draft.opened)],
    closed: ['closed_ms', timeMs(draft.closed)],
    notes: ['notes', draft.notes],
  }
}

/** What the route that adds a trade is sent; what is empty is left out. */
export function additionOf(draft: TradeDraft, source: Source | null): object {
  const values = Object.values(valuesOf(draft)).filter(([, value]) => value !== null && value !== '')
  const about = source === null ? {} : { [source.kind === 'idea' ? 'idea_id' : 'signal_id']: source.id }
  return { ticker: draft.symbol, ...Object.fromEntries(values), ...about }
}

/** What the route that corrects a trade is sent: what was changed alone. */
export function correctionOf(before: TradeDraft, draft: TradeDraft, revision: number): object {
  const values = valuesOf(draft)
  const fields = (Object.keys(values) as Field[]).filter((field) => draft[field] !== before[field])
  return { expected_revision: revision, ...Object.fromEntries(fields.map((field) => values[field])) }
}

function amountText(amount: JournalTrade['entry']): string {
  return amount === null ? '' : String(amount)
}

function timeText(ms: number | null): string {
  return ms === null ? '' : new Date(ms).toISOString().slice(0, 19)
}

function timeMs(text: string): number | null {
  return text === '' ? null : Date.parse(`${text}${text.length === 16 ? ':00' : ''}Z`)
}
