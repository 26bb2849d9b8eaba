// The trades that the chart draws, as a table.

import type { ReactNode } from 'react'

import { priceText, signedPercent, stampText } from '../../lib/format'
import { DirectionMark } from '../../ui/DirectionMark'
import { HeadRow } from '../../ui/HeadRow'
import { TableScroll } from '../../ui/TableScroll'
import { type ChartTrade, type Fill, TRADE_KINDS } from './chartTrades'

export function TradeTable({ trades }: { trades: readonly ChartTrade[] }) {
  if (trades.length === 0) return null
  return (
    <TableScroll label="Trades as a table">
      <table>
        <caption className="unseen">Ideas and trades that the chart draws, newest first</caption>
        <HeadRow names={['Entered, UTC', 'Kind', 'Side', 'Entry', 'Left, UTC', 'Exit', 'Net return']} />
        <tbody>
          {trades
            .toSorted((one, other) => other.entry.ms - one.entry.ms)
            .map((trade) => (
              <tr key={`${trade.kind} ${trade.id}`}>
                <th scope="row">
                  <Linked to={trade.link}>{stampText(trade.entry.ms)}</Linked>
                </th>
                <td>{TRADE_KINDS[trade.kind].name}</td>
                <td>
                  <DirectionMark direction={trade.side} />
                </td>
                <td>{priceText(trade.entry.price)}</td>
                <ExitCells exit={trade.exit} runs={trade.runs} />
                <td>{signedPercent(trade.netReturn)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

function Linked({ to, children }: { to: string | null; children: ReactNode }) {
  return to === null ? children : <a href={to}>{children}</a>
}

function ExitCells({ exit, runs }: { exit: Fill | null; runs: boolean }) {
  return (
    <>
      <td>{exit === null ? (runs ? 'runs' : 'unknown') : stampText(exit.ms)}</td>
      <td>{priceText(exit?.price)}</td>
    </>
  )
}
