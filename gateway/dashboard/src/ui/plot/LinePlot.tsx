// Lines over time with one cursor for all panes: by pointer, or by arrow keys when it has the focus.

import { type KeyboardEvent, type PointerEvent, useMemo, useState } from 'react'

import { classes } from '../../lib/classes'
import { dayText, stampText } from '../../lib/format'
import drawing from './drawing.module.css'
import styles from './LinePlot.module.css'
import { FOOT, layout, LEFT, type Pane, pathOf, readout, RIGHT, ticksOf } from './plotLayout'
import { placeBefore, timeTicks } from './scale'
import series from './series.module.css'
import { useWidth } from './useWidth'

export interface Band {
  from: number
  to: number
  odd: boolean
}

interface Props {
  label: string
  panes: readonly Pane[]
  bands?: readonly Band[]
  height: number
}

const NO_BANDS: readonly Band[] = []

export function LinePlot({ label, panes, bands = NO_BANDS, height }: Props) {
  const [box, width] = useWidth()
  const { first, last, x, laid } = useMemo(() => layout(panes, width, height), [panes, width, height])
  const [cursor, setCursor] = useState<number | null>(null)
  const times = panes[0]?.lines[0]?.time ?? []
  const at = cursor === null ? null : Math.min(cursor, times.length - 1)
  const atMs = at === null ? null : (times[at] ?? null)

  const point = (event: PointerEvent<SVGSVGElement>) => {
    const left = event.currentTarget.getBoundingClientRect().left
    const ms = first + ((event.clientX - left - LEFT) / (width - RIGHT - LEFT)) * (last - first)
    setCursor(placeBefore(times, ms))
  }
  const press = (event: KeyboardEvent) => {
    const stride = event.shiftKey ? Math.ceil(times.length / 20) : 1
    const moves: Record<string, number> = {
      ArrowLeft: (at ?? times.length) - stride,
      ArrowRight: (at ?? -1) + stride,
      Home: 0,
      End: times.length - 1,
    }
    const to = moves[event.key]
    if (to === undefined) return
    event.preventDefault()
    setCursor(Math.min(Math.max(to, 0), times.length - 1))
  }

  // Thousands of points: drawn once, however the cursor moves.
  const still = useMemo(
    () => (
      <>
        {bands.map((band) => (
          <rect
            key={band.from}
            className={classes(styles.band, band.odd && styles.bandOdd)}
            x={x(band.from)}
            width={Math.max(x(band.to) - x(band.from), 1)}
            y={0}
            height={height - FOOT}
          />
        ))}
        {timeTicks(first, last, Math.max(2, Math.floor(width / 90))).map(({ ms, text }) => (
          <g key={ms} className={drawing.tick}>
            <line x1={x(ms)} x2={x(ms)} y1={0} y2={height - FOOT} />
            <text x={x(ms)} y={height - 5} textAnchor="middle">
              {text}
            </text>
          </g>
        ))}
        {laid.map(({ pane, top, bottom, y }) => (
          <g key={pane.name}>
            {ticksOf(pane, y, Math.max(2, Math.round((bottom - top) / 44))).map((value) => (
              <g key={value} className={classes(drawing.tick, value === pane.origin && drawing.origin)}>
                <line x1={LEFT} x2={width - RIGHT} y1={y(value)} y2={y(value)} />
                <text x={width - RIGHT + 6} y={y(value) + 3.5}>
                  {pane.text(value)}
                </text>
              </g>
            ))}
            {pane.lines.map((line) => (
              <path
                key={line.name}
                className={classes(styles.line, line.area && styles.area, line.thin && styles.thin, line.tone)}
                d={pathOf(line, x, y)}
              />
            ))}
            <text className={styles.paneName} x={LEFT + 2} y={top + 11}>
              {panes.length > 1 ? pane.name : ''}
            </text>
          </g>
        ))}
      </>
    ),
    [bands, first, last, x, laid, panes.length, width, height],
  )
  const readoutText = atMs === null ? '' : readout(panes, atMs)
  return (
    <div
      ref={box}
      className={styles.plot}
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={Math.max(times.length - 1, 0)}
      aria-valuenow={at ?? Math.max(times.length - 1, 0)}
      aria-valuetext={readoutText || readout(panes, last)}
      onKeyDown={press}
      onBlur={() => setCursor(null)}
    >
      <svg
        className={drawing.drawing}
        width={width}
        height={height}
        aria-hidden="true"
        onPointerMove={point}
        onPointerLeave={() => setCursor(null)}
      >
        {still}
        {atMs !== null && (
          <g className={styles.cursor}>
            <line x1={x(atMs)} x2={x(atMs)} y1={0} y2={height - FOOT} />
            {laid.flatMap(({ pane, y }) =>
              pane.lines.map((line) => {
                const value = line.values[placeBefore(line.time, atMs)]
                return value === undefined ? null : (
                  <circle key={`${pane.name}${line.name}`} className={line.tone} cx={x(atMs)} cy={y(value)} r={3.5} />
                )
              }),
            )}
          </g>
        )}
      </svg>
      <p className={styles.readout} aria-hidden="true">
        {atMs === null ? (
          <span className="muted">
            {dayText(first)} to {dayText(last)}
          </span>
        ) : (
          <>
            <b>{stampText(atMs)}</b>
            {panes.flatMap((pane) =>
              pane.lines.map((line) => (
                <span key={pane.name + line.name}>
                  <i className={classes(series.key, line.tone)} /> {line.name}{' '}
                  <b>{pane.text(line.values[placeBefore(line.time, atMs)] ?? 0)}</b>
                </span>
              )),
            )}
          </>
        )}
      </p>
    </div>
  )
}
