// What the calls of a version would have earned out of sample, and how far below its highest it stood.

import { useState } from 'react'

import type { ModelEquity } from '../contract'
import { countText, percent, signedPercent, stampText } from '../lib/format'
import { Button } from '../ui/Button'
import { Legend } from '../ui/Legend'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { LinePlot } from '../ui/plot/LinePlot'
import series from '../ui/plot/series.module.css'
import { TableScroll } from '../ui/TableScroll'
import text from '../ui/text.module.css'
import { PLOT_HEIGHT } from './place'
import table from '../ui/table.module.css'

const ROWS = 24
const TITLE = 'Equity out of sample'

export function Equity({ equity: { times_ms: time, equity, trades } }: { equity: ModelEquity }) {
  const [isTable, setTable] = useState(false)
  const growth = equity.map((value) => value - 1)
  const falls = drawdowns(equity)
  const digits = Math.max(...growth.map(Math.abs), 0) < 0.2 ? 1 : 0
  return (
    <PlainPanel aria-label={TITLE}>
      <PanelHead>
        <h3>{TITLE}</h3>
        <Legend wraps>
          <li className={series.own}>calls {signedPercent(growth.at(-1), 1)}</li>
          <li className={series.fall}>deepest {percent(Math.min(...falls, 0), 1).replace('-', '−')}</li>
        </Legend>
        <Button aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          Table
        </Button>
      </PanelHead>
      {isTable ? (
        <EquityTable time={time} growth={growth} falls={falls} />
      ) : (
        <LinePlot
          label="Growth by the calls, and drawdown, over time"
          height={PLOT_HEIGHT}
          panes={[
            {
              name: 'Growth',
              share: 2.4,
              origin: 0,
              text: (value) => signedPercent(value, digits),
              lines: [{ name: 'calls', tone: series.own, time, values: growth }],
            },
            {
              name: 'Drawdown',
              share: 1,
              origin: 0,
              text: (value) => percent(value, digits).replace('-', '−'),
              lines: [{ name: 'drawdown', tone: series.fall, time, values: falls, area: true }],
            },
          ]}
        />
      )}
      <p className={text.footNote}>
        {countText(trades)} trades on the folds, one at a time and market, after fees, slippage and funding.
      </p>
    </PlainPanel>
  )
}

/** How far each value lies below the highest one before it, as a fraction, at most 0. */
export function drawdowns(equity: readonly number[]): number[] {
  let highest = -Infinity
  return equity.map((value) => {
    highest = Math.max(highest, value)
    return value / highest - 1
  })
}

interface TableProps {
  time: readonly number[]
  growth: readonly number[]
  falls: readonly number[]
}

function EquityTable({ time, growth, falls }: TableProps) {
  const last = time.length - 1
  const places = [...new Set(Array.from({ length: ROWS }, (_, row) => Math.round((row / (ROWS - 1)) * last)))]
  return (
    <TableScroll whole label="Equity as a table">
      <table className={table.numbers}>
        <thead>
          <tr>
            <th scope="col">Market time</th>
            <th scope="col">Growth</th>
            <th scope="col">Drawdown</th>
          </tr>
        </thead>
        <tbody>
          {places.map((place) => (
            <tr key={place}>
              <th scope="row">{stampText(time[place]!)}</th>
              <td>{signedPercent(growth[place], 1)}</td>
              <td>{percent(falls[place], 1).replace('-', '−')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}
