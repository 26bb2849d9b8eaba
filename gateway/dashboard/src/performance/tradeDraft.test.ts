import { expect, test } from 'vitest'

import type { IdeaItem, SignalDetail, TradeView } from '../contract'
import { signal } from '../testing/build'
import { additionOf, correctionOf, draftOfIdea, draftOfSignal, draftOfTrade, emptyDraft } from './tradeDraft'

const TRADE = {
  symbol: 'BTCUSDT',
  trade: {
    action: 'executed',
    side: 'sell',
    entry: '45000.5',
    exit: null,
    quantity: '0.2',
    fees: null,
    opened_ms: Date.UTC(2025, 5, 15, 16, 48, 7),
    closed_ms: null,
    notes: 'at the open',
  },
} as TradeView

test('amounts are sent as they were typed, and what is empty is left out', () => {
  const draft = { ...emptyDraft('BTCUSDT'), entry: ' 0.10 ', opened: '2025-06-15T16:48' }

  expect(additionOf(draft, { kind: 'signal', id: 'btc-1' })).toEqual({
    ticker: 'BTCUSDT',
    action: 'executed',
    side: 'buy',
    entry: '0.10',
    opened_ms: Date.UTC(2025, 5, 15, 16, 48),
    signal_id: 'btc-1',
  })
  expect(additionOf(draft, { kind: 'idea', id: 'i-1' })).toMatchObject({ idea_id: 'i-1' })
  expect(additionOf(draft, null)).not.toHaveProperty('signal_id')
})

test('a correction sends what was changed alone, and null for what was taken away', () => {
  const before = draftOfTrade(TRADE)

  expect(before.opened).toBe('2025-06-15T16:48:07')
  expect(correctionOf(before, before, 3)).toEqual({ expected_revision: 3 })
  expect(correctionOf(before, { ...before, exit: '44000', quantity: '' }, 3)).toEqual({
    expected_revision: 3,
    exit: '44000',
    quantity: null,
  })
})

test('a trade on a signal begins with its market, its side, its price and the quantity it advises', () => {
  const advised = signal(1, { direction: 'sell', reference_price: 64_180.1, recommended_quantity: 0.05 })
  const draft = draftOfSignal(advised as unknown as SignalDetail)

  expect(draft).toMatchObject({ symbol: advised.symbol, side: 'sell', entry: '64180.1', quantity: '0.05', exit: '' })
  expect(draftOfSignal({ ...advised, recommended_quantity: null } as unknown as SignalDetail).quantity).toBe('')
})

test('a trade on an idea begins at its entry, or at the close before it has one', () => {
  const idea = {
    symbol: 'ETHUSDT',
    side: 'sell',
    entry_price: 3140.5,
    opened_ms: Date.UTC(2025, 5, 15, 16, 48),
    reference_price: 3141,
  } as IdeaItem

  expect(draftOfIdea(idea)).toMatchObject({ side: 'sell', entry: '3140.5', opened: '2025-06-15T16:48:00' })
  expect(draftOfIdea({ ...idea, entry_price: null })).toMatchObject({ entry: '3141', opened: '' })
})
