// Equity against buy-and-hold and cash, and how far below its highest it stood.

import { useState } from 'react'

import { percent, signedPercent, stampText } from '../lib/format'
import { type Band, LinePlot } from './LinePlot'
import type { Curve } from './result'

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
  const [own, held] = [grown(curve.equity), grown(curve.buy_and_hold)]
  const time = curve.time_ms
  return (
    <section className="panel" aria-label="Equity">
      <header className="panel-head">
        <h3>{title}</h3>
        <ul className="keys">
          <li className="tone-own">strategy {signedPercent(own.at(-1), 1)}</li>
          <li className="tone-held">buy and hold {signedPercent(held.at(-1), 1)}</li>
          <li className="tone-cash">cash 0%</li>
        </ul>
        <button type="button" className="button" aria-pressed={table} onClick={() => setTable(!table)}>
          Table
        </button>
      </header>
      {table ? (
        <EquityTable curve={curve} own={own} held={held} />
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
              text: (value) => signedPercent(value, spanDigits(own, held)),
              lines: [
                { name: 'buy and hold', tone: 'tone-held', time, values: held },
                { name: 'strategy', tone: 'tone-own', time, values: own },
              ],
            },
            {
              name: 'Drawdown',
              share: 1,
              origin: 0,
              text: (value) => percent(value, 0).replace('-', '−'),
              lines: [
                { name: 'drawdown', tone: 'tone-fall', time, values: curve.drawdown.map((value) => -value), area: true },
              ],
            },
          ]}
        />
      )}
    </section>
  )
}

function spanDigits(...all: readonly (readonly number[])[]): number {
  let widest = 0
  for (const values of all) for (const value of values) widest = Math.max(widest, Math.abs(value))
  return widest < 0.2 ? 1 : 0
}

function EquityTable({ curve, own, held }: { curve: Curve; own: readonly number[]; held: readonly number[] }) {
  const last = curve.points - 1
  const places = [...new Set(Array.from({ length: ROWS }, (_, row) => Math.round((row / (ROWS - 1)) * last)))]
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Equity as a table">
      <table>
        <caption className="unseen">Growth since the start and drawdown at {places.length} times</caption>
        <thead>
          <tr>
            {['Close', 'Strategy', 'Buy and hold', 'Drawdown'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {places.map((place) => (
            <tr key={place}>
              <th scope="row">{stampText(curve.time_ms[place]!)}</th>
              <td>{signedPercent(own[place], 1)}</td>
              <td>{signedPercent(held[place], 1)}</td>
              <td>{percent(curve.drawdown[place], 1)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
