import { expect, test } from 'vitest'

import type { IdeaItem, TradeView } from '../../contract'
import { bar, MINUTE_MS } from '../../testing/build'
import { type ChartTrade, placedTrades, tradeOfIdea, tradeOfJournal, tradeText } from './chartTrades'

const BARS = Array.from({ length: 10 }, (_, place) => bar(place + 1))

function idea(fields: Partial<IdeaItem> = {}): IdeaItem {
  return {
    idea_id: 'i1',
    side: 'buy',
    opened_ms: 3 * MINUTE_MS,
    entry_price: 101,
    closed_ms: null,
    exit_price: null,
    net_return: null,
    target_price: 104,
    stop_price: 99,
    ...fields,
  } as IdeaItem
}

function journal(fields: Partial<TradeView['trade']> = {}): TradeView {
  const trade = { action: 'executed', side: 'sell', entry: '101.50', exit: null, opened_ms: 0, closed_ms: null }
  return { trade_id: 't1', trade: { ...trade, ...fields }, grounds: null, result: null } as TradeView
}

function trade(fields: Partial<ChartTrade> = {}): ChartTrade {
  return { ...tradeOfIdea(idea())!, ...fields }
}

test('an idea is a trade once it has been entered', () => {
  expect(tradeOfIdea(idea({ entry_price: null }))).toBeNull()
  expect(tradeOfIdea(idea())).toMatchObject({ entry: { ms: 3 * MINUTE_MS, price: 101 }, runs: true, exit: null })
  const closed = idea({ closed_ms: 7 * MINUTE_MS, exit_price: 104, net_return: 0.02 })
  expect(tradeOfIdea(closed)).toMatchObject({ runs: false, exit: { ms: 7 * MINUTE_MS, price: 104 } })
  expect(tradeOfIdea({ ...closed, exit_price: null })).toMatchObject({ runs: false, exit: null })
})

test('of the journal what was executed is a trade, its exact amounts as numbers', () => {
  expect(tradeOfJournal(journal({ action: 'skipped' }))).toBeNull()
  expect(tradeOfJournal(journal({ exit: '100.25', closed_ms: 9 }))).toMatchObject({
    entry: { ms: 0, price: 101.5 },
    exit: { ms: 9, price: 100.25 },
    runs: false,
  })
})

test('a trade stands in the bar that it was entered in, and in the one that it was left in', () => {
  const entered = (ms: number, fields: Partial<ChartTrade> = {}) =>
    placedTrades([trade({ entry: { ms, price: 101 }, ...fields })], BARS)[0]
  const left = (ms: number) => ({ exit: { ms, price: 104 }, runs: false })

  // A bar closes at each minute: what happens at a close is in the bar that begins then.
  expect(entered(3 * MINUTE_MS, left(7 * MINUTE_MS))).toMatchObject({ from: 3, to: 6 })
  expect(entered(3 * MINUTE_MS + 1, left(3 * MINUTE_MS + 2))).toMatchObject({ from: 3, to: 3 })
  expect(entered(0, left(MINUTE_MS))).toMatchObject({ from: 0, to: 0 })
  expect(entered(3 * MINUTE_MS)).toMatchObject({ from: 3, to: 9 })
  expect(entered(3 * MINUTE_MS, { runs: false })).toMatchObject({ from: 3, to: 3 })
})

test('what was entered outside the bars is not drawn', () => {
  const at = (ms: number) => placedTrades([trade({ entry: { ms, price: 101 } })], BARS)

  expect(at(-1)).toEqual([])
  expect(at(10 * MINUTE_MS)).toEqual([])
  expect(placedTrades([trade()], [])).toEqual([])
})

test('a trade in words tells its prices and what it came to', () => {
  expect(tradeText(trade())).toBe('Idea ▲ 101.00, runs')
  const left = { exit: { ms: 9, price: 104 }, runs: false, netReturn: -0.0112, kind: 'journal', side: 'sell' } as const
  expect(tradeText(trade(left))).toBe('Trade ▼ 101.00 → 104.00, −1.12% after costs')
  expect(tradeText(trade({ runs: false }))).toBe('Idea ▲ 101.00, end unknown')
})
