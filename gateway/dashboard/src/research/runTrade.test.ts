import { expect, test } from 'vitest'

import { tradeText } from '../live/chart/chartTrades'
import { chartTradesOf } from './runTrade'

test('a trade of a back-test earns its profit over what was put in', () => {
  const row = {
    entry_time_ms: 60_000,
    exit_time_ms: 180_000,
    side: -1,
    units: 2,
    entry_price: 100,
    exit_price: 97,
    pnl: 5,
  }

  const [trade] = chartTradesOf([row])

  expect(trade).toMatchObject({ kind: 'research', side: 'sell', exit: { ms: 180_000, price: 97 }, runs: false })
  expect(tradeText(trade!)).toBe('Back-test ▼ 100.00 → 97.00, +2.50% after costs')
})
