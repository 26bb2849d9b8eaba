// How often calls came true beside what was promised, with the interval and the rows of each range.

import { useState } from 'react'

import type { ConfidenceBin } from '../contract'
import { classes } from '../lib/classes'
import { countText, percent } from '../lib/format'
import { Button } from '../ui/Button'
import { Legend } from '../ui/Legend'
import { PanelHead, PlainPanel } from '../ui/Panel'
import drawing from '../ui/plot/drawing.module.css'
import { linear, ticks } from '../ui/plot/scale'
import series from '../ui/plot/series.module.css'
import { useWidth } from '../ui/plot/useWidth'
import { TableScroll } from '../ui/TableScroll'
import text from '../ui/text.module.css'
import { PLOT_HEIGHT } from './place'
import plots from './Plots.module.css'
import table from '../ui/table.module.css'

const TITLE = 'Calibration out of sample'
const HEIGHT = PLOT_HEIGHT + 22 // as the equity with its readout
const [TOP, FOOT, LEFT, RIGHT] = [8, 20, 8, 46]
const ROWS_HEIGHT = 58
const GAP = 20
const ROOM = 0.04
const BAR_PX = 34

interface Props {
  bins: readonly ConfidenceBin[]
  /** Expected calibration error of the same answers. */
  error: number | null
}

export function Reliability({ bins, error }: Props) {
  const [isTable, setTable] = useState(false)
  return (
    <PlainPanel aria-label={TITLE}>
      <PanelHead>
        <h3>{TITLE}</h3>
        <Legend wraps>
          <li className={series.own}>came true, 5–95%</li>
          <li className="muted">rows</li>
        </Legend>
        <Button aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          Table
        </Button>
      </PanelHead>
      {isTable ? <BinTable bins={bins} /> : <Drawing bins={bins} />}
      <p className={text.footNote}>
        On the dashed line confidence is honest. Off by {percent(error, 1)} on average; intervals by blocks of time.
      </p>
    </PlainPanel>
  )
}

function Drawing({ bins }: { bins: readonly ConfidenceBin[] }) {
  const [box, width] = useWidth()
  const values = bins.flatMap(({ confidence, hit_rate: rate, interval }) => [confidence, rate, ...(interval ?? [])])
  const [low, high] = [Math.max(Math.min(...values) - ROOM, 0), Math.min(Math.max(...values) + ROOM, 1)]
  const floor = HEIGHT - FOOT - ROWS_HEIGHT - GAP
  const base = HEIGHT - FOOT
  const x = linear(low, high, LEFT, width - RIGHT)
  const y = linear(low, high, floor, TOP)
  const tall = linear(0, Math.max(...bins.map(({ rows }) => rows), 1), base, base - ROWS_HEIGHT + 14)
  return (
    <div ref={box} className={plots.plot}>
      <svg className={drawing.drawing} width={width} height={HEIGHT} role="img" aria-label={sentence(bins)}>
        {ticks(low, high, width / 90).map((value) => (
          <g key={value} className={drawing.tick}>
            <line x1={x(value)} x2={x(value)} y1={TOP} y2={base} />
            <text x={x(value)} y={HEIGHT - 5} textAnchor="middle">
              {percent(value)}
            </text>
          </g>
        ))}
        {ticks(low, high, 5).map((value) => (
          <g key={value} className={drawing.tick}>
            <line x1={LEFT} x2={width - RIGHT} y1={y(value)} y2={y(value)} />
            <text x={width - RIGHT + 6} y={y(value) + 3.5}>
              {percent(value)}
            </text>
          </g>
        ))}
        <line className={plots.honest} x1={x(low)} y1={y(low)} x2={x(high)} y2={y(high)} />
        {bins.map((bin) => (
          <Bin key={bin.confidence} bin={bin} x={x(bin.confidence)} y={y} base={base} top={tall(bin.rows)} />
        ))}
      </svg>
    </div>
  )
}

interface BinProps {
  bin: ConfidenceBin
  x: number
  y: (value: number) => number
  /** Foot and head of the bar that shows the rows. */
  base: number
  top: number
}

function Bin({ bin: { rows, hit_rate: rate, interval }, x, y, base, top }: BinProps) {
  return (
    <g className={series.own}>
      <rect className={plots.rows} x={x - BAR_PX / 2} width={BAR_PX} y={top} height={Math.max(base - top, 1)} rx={2} />
      <text className={plots.count} x={x} y={top - 4} textAnchor="middle">
        {countText(rows)}
      </text>
      {interval !== null && <line className={plots.upright} x1={x} x2={x} y1={y(interval[0])} y2={y(interval[1])} />}
      <circle className={plots.dot} cx={x} cy={y(rate)} r={5} />
    </g>
  )
}

function sentence(bins: readonly ConfidenceBin[]): string {
  const parts = bins.map(
    ({ confidence, hit_rate: rate, rows }) =>
      `promised ${percent(confidence)}, came true ${percent(rate)}, ${countText(rows)} rows`,
  )
  return `Reliability: ${parts.join('; ')}`
}

function BinTable({ bins }: { bins: readonly ConfidenceBin[] }) {
  return (
    <TableScroll whole label="Calibration as a table">
      <table className={table.numbers}>
        <thead>
          <tr>
            <th scope="col">Promised</th>
            <th scope="col">Came true</th>
            <th scope="col">5–95%</th>
            <th scope="col">Rows</th>
          </tr>
        </thead>
        <tbody>
          {bins.map(({ confidence, hit_rate: rate, interval, rows }) => (
            <tr key={confidence}>
              <th scope="row">{percent(confidence, 1)}</th>
              <td className={classes(isOff(confidence, interval) && 'warn')}>{percent(rate, 1)}</td>
              <td>{interval === null ? '–' : `${percent(interval[0], 1)} to ${percent(interval[1], 1)}`}</td>
              <td>{countText(rows)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

/** Whether what was promised lies outside of the interval. */
function isOff(confidence: number, interval: readonly [number, number] | null): boolean {
  return interval !== null && (confidence < interval[0] || confidence > interval[1])
}
