// Lines over time with one cursor for all panes: by pointer, or by arrow keys when it has the focus.

import { type KeyboardEvent, type PointerEvent, useLayoutEffect, useMemo, useRef, useState } from 'react'

import { dayText, stampText } from '../lib/format'
import { linear, placeBefore, type Scale, ticks, timeTicks } from './scale'

export interface Line {
  name: string
  /** Class that gives its colour and stroke. */
  tone: string
  time: readonly number[]
  values: readonly number[]
  /** Filled down from 0. */
  area?: boolean
}

export interface Pane {
  name: string
  lines: readonly Line[]
  /** Share of the height. */
  share: number
  text: (value: number) => string
  /** A value that is always in sight, with a line through it. */
  origin?: number
  /** Equal distances are equal ratios of 1 + value. */
  log?: boolean
}

export interface Band {
  from: number
  to: number
  tone: string
}

interface Props {
  label: string
  panes: readonly Pane[]
  bands?: readonly Band[]
  height: number
}

const LEFT = 8
const RIGHT = 62
const FOOT = 20
const GAP = 14

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
            className={`band ${band.tone}`}
            x={x(band.from)}
            width={Math.max(x(band.to) - x(band.from), 1)}
            y={0}
            height={height - FOOT}
          />
        ))}
        {timeTicks(first, last, Math.max(2, Math.floor(width / 90))).map(({ ms, text }) => (
          <g key={ms} className="tick">
            <line x1={x(ms)} x2={x(ms)} y1={0} y2={height - FOOT} />
            <text x={x(ms)} y={height - 5} textAnchor="middle">
              {text}
            </text>
          </g>
        ))}
        {laid.map(({ pane, top, bottom, y }) => (
          <g key={pane.name}>
            {ticksOf(pane, y, Math.max(2, Math.round((bottom - top) / 44))).map((value) => (
              <g key={value} className={value === pane.origin ? 'tick tick-origin' : 'tick'}>
                <line x1={LEFT} x2={width - RIGHT} y1={y(value)} y2={y(value)} />
                <text x={width - RIGHT + 6} y={y(value) + 3.5}>
                  {pane.text(value)}
                </text>
              </g>
            ))}
            {pane.lines.map((line) => (
              <path key={line.name} className={`line ${line.area ? 'line-area' : ''} ${line.tone}`} d={pathOf(line, x, y)} />
            ))}
            <text className="pane-name" x={LEFT + 2} y={top + 11}>
              {panes.length > 1 ? pane.name : ''}
            </text>
          </g>
        ))}
      </>
    ),
    [bands, first, last, x, laid, width, height],
  )
  const said = atMs === null ? '' : readout(panes, atMs)
  return (
    <div
      ref={box}
      className="plot"
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={Math.max(times.length - 1, 0)}
      aria-valuenow={at ?? Math.max(times.length - 1, 0)}
      aria-valuetext={said || readout(panes, last)}
      onKeyDown={press}
      onBlur={() => setCursor(null)}
    >
      <svg width={width} height={height} aria-hidden="true" onPointerMove={point} onPointerLeave={() => setCursor(null)}>
        {still}
        {atMs !== null && (
          <g className="cursor">
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
      <p className="plot-said" aria-hidden="true">
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
                  <i className={`key ${line.tone}`} /> {line.name}{' '}
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

function layout(panes: readonly Pane[], width: number, height: number) {
  const lines = panes.flatMap((pane) => pane.lines)
  const first = Math.min(...lines.map((line) => line.time[0] ?? Infinity))
  const last = Math.max(...lines.map((line) => line.time.at(-1) ?? -Infinity))
  const inner = height - FOOT - GAP * (panes.length - 1)
  const whole = panes.reduce((sum, pane) => sum + pane.share, 0)
  const laid = panes.map((pane, place) => {
    const above = panes.slice(0, place).reduce((sum, each) => sum + each.share, 0)
    const top = (above / whole) * inner + place * GAP
    const bottom = top + (pane.share / whole) * inner
    return { pane, top, bottom, y: scaleOf(pane, top, bottom) }
  })
  return { first, last, x: linear(first, last, LEFT, width - RIGHT), laid }
}

function readout(panes: readonly Pane[], ms: number): string {
  const parts = panes.flatMap((pane) =>
    pane.lines.map((line) => `${line.name} ${pane.text(line.values[placeBefore(line.time, ms)] ?? 0)}`),
  )
  return `${stampText(ms)}: ${parts.join(', ')}`
}

const RATIOS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1, 1.2, 1.5, 2, 3, 4, 6, 8, 11, 16, 31, 51, 101, 501, 1001, 10_001]
const TICK_PX = 24

function ticksOf({ log, origin }: Pane, y: Scale, about: number): number[] {
  if (!log || (1 + y.to) / (1 + y.from) < 1.6) return ticks(y.from, y.to, about)
  // From the origin outwards, as close as they can be read.
  const inside = RATIOS.map((ratio) => Number((ratio - 1).toFixed(2))).filter((value) => value >= y.from && value <= y.to)
  const kept: number[] = []
  for (const value of inside.toSorted((a, b) => Math.abs(a - (origin ?? 0)) - Math.abs(b - (origin ?? 0))))
    if (kept.every((other) => Math.abs(y(other) - y(value)) >= TICK_PX)) kept.push(value)
  return kept
}

function scaleOf({ lines, origin, log }: Pane, top: number, bottom: number): Scale {
  let [low, high] = [origin ?? Infinity, origin ?? -Infinity]
  for (const { values } of lines)
    for (const value of values) {
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  // After a total loss there is no ratio left.
  const isLog = log === true && low > -1
  const [into, back] = isLog ? [Math.log1p, Math.expm1] : [Number, Number]
  const room = (into(high) - into(low)) * 0.04 || 1e-6
  const from = into(low) - (origin === low ? 0 : room)
  const to = into(high) + (origin === high ? 0 : room)
  const scale = linear(from, to, bottom, top)
  return Object.assign((value: number) => scale(into(value)), { from: back(from), to: back(to) })
}

function pathOf({ time, values, area }: Line, x: Scale, y: Scale): string {
  const parts = values.map((value, place) => `${x(time[place]!).toFixed(1)} ${y(value).toFixed(1)}`)
  const line = `M${parts.join('L')}`
  if (!area) return line
  const zero = y(0).toFixed(1)
  return `${line}L${x(time.at(-1) ?? 0).toFixed(1)} ${zero}L${x(time[0] ?? 0).toFixed(1)} ${zero}Z`
}

/** The width that an element has, followed. */
export function useWidth() {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(600)
  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const measure = () => setWidth(Math.max(element.clientWidth, 200))
    const observer = new ResizeObserver(measure)
    measure()
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return [box, width] as const
}
