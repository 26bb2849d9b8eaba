// The objective over two parameters: a plateau can be trusted a little, a lone peak cannot.

import { type KeyboardEvent, memo, type PointerEvent, useMemo, useState } from 'react'

import { PanelHead, PlainPanel } from '../ui/Panel'
import { Tag } from '../ui/Tag'
import drawing from '../ui/plot/drawing.module.css'
import styles from './HeatMap.module.css'
import { type Heat, type Neighbourhood, numberText, type Params } from './result'
import { linear } from '../ui/plot/scale'
import { labelOf } from './schema'
import { tint } from '../ui/tint'
import { useWidth } from '../ui/plot/useWidth'

interface Props {
  heat: Heat
  neighbourhood: Neighbourhood | null
  best: Params
  onShow: (params: Params) => void
}

interface Cell {
  row: number
  column: number
}

const LEFT = 52
const TOP = 6
const FOOT = 34

export function HeatMap({ heat, neighbourhood, best, onShow }: Props) {
  const [box, width] = useWidth()
  const [cell, setCell] = useState<Cell | null>(null)
  const [columns, rows] = [heat.x.length, heat.y.length]
  const side = (width - LEFT - 4) / columns
  const tall = Math.min(Math.max((0.62 * width) / rows, 9), 26)
  const height = TOP + rows * tall + FOOT
  const x = linear(0, columns, LEFT, width - 4)
  // Larger values are up, as on any axis.
  const y = (row: number) => TOP + (rows - 1 - row) * tall
  const largest = useMemo(() => largestOf(heat), [heat])

  const paramsAt = ({ row, column }: Cell): Params => ({
    ...best,
    [heat.x_name]: Number(heat.x[column]),
    ...(heat.y_name ? { [heat.y_name]: Number(heat.y[row]) } : {}),
  })
  const textAt = (at: Cell) => {
    const value = heat.z[at.row]?.[at.column]
    const where = `${heat.x_name} ${heat.x[at.column]}${heat.y_name ? `, ${heat.y_name} ${heat.y[at.row]}` : ''}`
    const isBest = heat.best !== null && heat.best.row === at.row && heat.best.column === at.column
    return `${where}: ${heat.objective} ${value == null ? 'none, it did not trade or did not run' : numberText(Number(value.toFixed(2)))}${isBest ? ', the optimum' : ''}`
  }
  const cellAt = (event: PointerEvent<SVGSVGElement>): Cell => {
    const { left, top } = event.currentTarget.getBoundingClientRect()
    const column = Math.floor((event.clientX - left - LEFT) / side)
    const row = rows - 1 - Math.floor((event.clientY - top - TOP) / tall)
    return { row: clamp(row, rows), column: clamp(column, columns) }
  }
  const press = (event: KeyboardEvent) => {
    const from = cell ?? heat.best ?? { row: 0, column: 0 }
    const moves: Record<string, Cell> = {
      ArrowLeft: { ...from, column: from.column - 1 },
      ArrowRight: { ...from, column: from.column + 1 },
      ArrowUp: { ...from, row: from.row + 1 },
      ArrowDown: { ...from, row: from.row - 1 },
      Home: heat.best ?? from,
    }
    if (event.key === 'Enter' && cell !== null) onShow(paramsAt(cell))
    const to = moves[event.key]
    if (to === undefined && event.key !== 'Enter') return
    event.preventDefault()
    if (to) setCell({ row: clamp(to.row, rows), column: clamp(to.column, columns) })
  }
  const every = (count: number, room: number) => Math.max(1, Math.ceil((count * 34) / room))
  return (
    <PlainPanel aria-label="Heat map">
      <PanelHead>
        <h3>
          {labelOf(heat.objective)} over {heat.x_name.replaceAll('_', ' ')}
          {heat.y_name ? ` and ${heat.y_name.replaceAll('_', ' ')}` : ''}
        </h3>
        {neighbourhood && neighbourhood.shape !== 'unknown' && (
          <Tag tone={neighbourhood.shape === 'plateau' ? 'good' : 'warn'}>{neighbourhood.shape}</Tag>
        )}
      </PanelHead>
      <div
        ref={box}
        className={styles.heat}
        role="application"
        aria-roledescription="heat map"
        tabIndex={0}
        aria-label={`Heat map of ${heat.objective}, ${columns} by ${rows}. Arrow keys move, Enter back-tests the cell.`}
        aria-describedby="heat-readout"
        onKeyDown={press}
        onFocus={() => setCell((current) => current ?? heat.best)}
        onBlur={() => setCell(null)}
        onPointerLeave={() => setCell(null)}
      >
        <svg
          className={drawing.drawing}
          width={width}
          height={height}
          aria-hidden="true"
          onPointerMove={(event) => setCell(cellAt(event))}
          onClick={() => cell && onShow(paramsAt(cell))}
        >
          <Cells heat={heat} side={side} tall={tall} largest={largest} />
          {heat.x.map((value, column) =>
            column % every(columns, width - LEFT) === 0 ? (
              <text key={column} x={x(column) + side / 2} y={TOP + rows * tall + 13} textAnchor="middle">
                {value}
              </text>
            ) : null,
          )}
          {heat.y_name &&
            heat.y.map((value, row) =>
              row % Math.max(1, Math.ceil(14 / tall)) === 0 ? (
                <text key={row} x={LEFT - 6} y={y(row) + tall / 2 + 3.5} textAnchor="end">
                  {value}
                </text>
              ) : null,
            )}
          <text className={drawing.axisName} x={(LEFT + width) / 2} y={height - 4} textAnchor="middle">
            {heat.x_name.replaceAll('_', ' ')}
          </text>
          {heat.y_name && (
            <text
              className={drawing.axisName}
              transform={`translate(11 ${TOP + (rows * tall) / 2}) rotate(-90)`}
              textAnchor="middle"
            >
              {heat.y_name.replaceAll('_', ' ')}
            </text>
          )}
          {heat.best && (
            <>
              <Frame at={heat.best} reach={1} {...{ x, y, side, tall, columns, rows }} className={styles.neighbours} />
              <Frame at={heat.best} reach={0} {...{ x, y, side, tall, columns, rows }} className={styles.optimum} />
            </>
          )}
          {cell && <Frame at={cell} reach={0} {...{ x, y, side, tall, columns, rows }} className={styles.cursor} />}
        </svg>
      </div>
      <p id="heat-readout" className={drawing.readout} aria-live="polite">
        {cell ? textAt(cell) : neighbourhood ? neighbourhoodText(neighbourhood, heat.objective) : ''}
      </p>
      <ColourScale largest={largest} />
    </PlainPanel>
  )
}

/** Drawn once, however the cursor moves: there may be thousands. */
const Cells = memo(function Cells({
  heat,
  side,
  tall,
  largest,
}: {
  heat: Heat
  side: number
  tall: number
  largest: number
}) {
  return heat.z.map((line, row) =>
    line.map((value, column) => (
      <rect
        key={column}
        className={styles.cell}
        x={LEFT + column * side}
        y={TOP + (heat.y.length - 1 - row) * tall}
        width={side + 0.4}
        height={tall + 0.4}
        style={{ fill: tint(value, largest) }}
      />
    )),
  )
})

/** What gets the full colour: all but the outermost fiftieth, so that one cell does not pale the rest. */
function largestOf({ z }: Heat): number {
  const sizes = z
    .flat()
    .filter((value) => value !== null)
    .map(Math.abs)
    .toSorted((a, b) => a - b)
  return sizes[Math.floor((sizes.length - 1) * 0.98)] || 1e-9
}

function neighbourhoodText(neighbourhood: Neighbourhood, objective: string): string {
  const optimum = `Optimum ${neighbourhood.optimum.toFixed(2)}`
  if (neighbourhood.mean === null) return `${optimum}; it has no neighbours to compare.`
  const share =
    neighbourhood.share === null || neighbourhood.share < 0 ? '' : `, ${Math.round(neighbourhood.share * 100)}% of it`
  return `${optimum}; its ${neighbourhood.neighbours} neighbours have a mean ${objective} of ${numberText(Number(neighbourhood.mean.toFixed(2)))}${share}.`
}

function Frame({
  at,
  reach,
  x,
  y,
  side,
  tall,
  columns,
  rows,
  className,
}: {
  at: Cell
  reach: number
  x: (column: number) => number
  y: (row: number) => number
  side: number
  tall: number
  columns: number
  rows: number
  className: string | undefined
}) {
  const [left, right] = [clamp(at.column - reach, columns), clamp(at.column + reach, columns)]
  const [low, high] = [clamp(at.row - reach, rows), clamp(at.row + reach, rows)]
  return (
    <rect
      className={className}
      x={x(left)}
      y={y(high)}
      width={(right - left + 1) * side}
      height={(high - low + 1) * tall}
      rx={2}
    />
  )
}

function ColourScale({ largest }: { largest: number }) {
  return (
    <div className={styles.scale} aria-hidden="true">
      <span>{numberText(-Number(largest.toPrecision(2)))}</span>
      <i />
      <span>{numberText(Number(largest.toPrecision(2)))}</span>
      <span className={styles.none}>no value</span>
    </div>
  )
}

function clamp(at: number, count: number): number {
  return Math.min(Math.max(at, 0), count - 1)
}
