// A trade of a back-test, as workers/research/fill_kernel.py writes it, for the chart.

import type { ChartTrade } from '../live/chart/chartTrades'

export interface RunTrade {
  /** Opens or closes of bars. */
  entry_time_ms: number
  exit_time_ms: number
  /** 1: long, -1: short. */
  side: number
  /** Bought or sold to enter, base currency. */
  units: number
  entry_price: number
  /** Of what is still open the last close. */
  exit_price: number
  /** Net of all costs, quote currency. */
  pnl: number
}

export function chartTradesOf(rows: readonly RunTrade[]): readonly ChartTrade[] {
  return rows.map((row) => ({
    id: `${row.entry_time_ms} ${row.exit_time_ms}`,
    kind: 'research',
    side: row.side > 0 ? 'buy' : 'sell',
    entry: { ms: row.entry_time_ms, price: row.entry_price },
    exit: { ms: row.exit_time_ms, price: row.exit_price },
    runs: false,
    netReturn: row.pnl / (row.units * row.entry_price),
    target: null,
    stop: null,
    link: null,
  }))
}
