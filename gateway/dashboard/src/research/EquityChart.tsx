// Equity against buy-and-hold and cash, and how far below its highest it stood.

import { useState } from 'react'

import { percent, signedPercent, stampText } from '../lib/format'
import { Button } from '../ui/Button'
import { HeadRow } from '../ui/HeadRow'
import { Legend } from '../ui/Legend'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import { type Band, LinePlot } from '../ui/plot/LinePlot'
import type { Curve } from './result'
import series from '../ui/plot/series.module.css'

const ROWS = 40

interface Props {
  curve: Curve
  title: string
  bands?: readonly Band[]
}

export function EquityChart({ curve, title, bands = [] }: Props) {
  const [table, setTable] = useState(false)
  const grown = (values: readonly number[]) => {
    const start = values[0] ?? 1
    return values.map((value) => value / start - 1)
  }
  const [own, hold] = [grown(curve.equity), grown(curve.buy_and_hold)]
  const time = curve.time_ms
  return (
    <PlainPanel aria-label="Equity">
      <PanelHead>
        <h3>{title}</h3>
        <Legend wraps>
          <li className={series.own}>strategy {signedPercent(own.at(-1), 1)}</li>
          <li className={series.hold}>buy and hold {signedPercent(hold.at(-1), 1)}</li>
          <li className={series.cash}>cash 0%</li>
        </Legend>
        <Button aria-pressed={table} onClick={() => setTable(!table)}>
          Table
        </Button>
      </PanelHead>
      {table ? (
        <EquityTable curve={curve} own={own} hold={hold} />
      ) : (
        <LinePlot
          label={`${title}, buy and hold, and drawdown over time`}
          height={340}
          bands={bands}
          panes={[
            {
              name: 'Growth',
              share: 2.6,
              origin: 0,
              log: true,
              text: (value) => signedPercent(value, spanDigits(own, hold)),
              lines: [
                { name: 'buy and hold', tone: series.hold, thin: true, time, values: hold },
                { name: 'strategy', tone: series.own, time, values: own },
              ],
            },
            {
              name: 'Drawdown',
              share: 1,
              origin: 0,
              text: (value) => percent(value, 0).replace('-', '−'),
              lines: [
                {
                  name: 'drawdown',
                  tone: series.fall,
                  time,
                  values: curve.drawdown.map((value) => -value),
                  area: true,
                },
              ],
            },
          ]}
        />
      )}
    </PlainPanel>
  )
}

function spanDigits(...all: readonly (readonly number[])[]): number {
  let widest = 0
  for (const values of all) for (const value of values) widest = Math.max(widest, Math.abs(value))
  return widest < 0.2 ? 1 : 0
}

function EquityTable({ curve, own, hold }: { curve: Curve; own: readonly number[]; hold: readonly number[] }) {
  const last = curve.points - 1
  const places = [...new Set(Array.from({ length: ROWS }, (_, row) => Math.round((row / (ROWS - 1)) * last)))]
  return (
    <TableScroll whole label="Equity as a table">
      <table>
        <caption className="unseen">Growth since the start and drawdown at {places.length} times</caption>
        <HeadRow names={['Close', 'Strategy', 'Buy and hold', 'Drawdown']} />
        <tbody>
          {places.map((place) => (
            <tr key={place}>
              <th scope="row">{stampText(curve.time_ms[place]!)}</th>
              <td>{signedPercent(own[place], 1)}</td>
              <td>{signedPercent(hold[place], 1)}</td>
              <td>{percent(curve.drawdown[place], 1)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}
