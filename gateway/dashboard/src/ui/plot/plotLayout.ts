// Where the panes of a plot lie, and what stands on their axes.

import { stampText } from '../../lib/format'
import { linear, placeBefore, type Scale, ticks } from './scale'

export interface Line {
  name: string
  /** Class that gives its colour and stroke. */
  tone: string | undefined
  time: readonly number[]
  values: readonly number[]
  thin?: boolean
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

export const LEFT = 8
export const RIGHT = 62
export const FOOT = 20
export const GAP = 14

export function layout(panes: readonly Pane[], width: number, height: number) {
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

export function readout(panes: readonly Pane[], ms: number): string {
  const parts = panes.flatMap((pane) =>
    pane.lines.map((line) => `${line.name} ${pane.text(line.values[placeBefore(line.time, ms)] ?? 0)}`),
  )
  return `${stampText(ms)}: ${parts.join(', ')}`
}

const RATIOS = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1, 1.2, 1.5, 2, 3, 4, 6, 8, 11, 16, 31, 51, 101, 501, 1001, 10_001,
]
const TICK_PX = 24

export function ticksOf({ log, origin }: Pane, y: Scale, about: number): number[] {
  if (!log || (1 + y.to) / (1 + y.from) < 1.6) return ticks(y.from, y.to, about)
  // From the origin outwards, as close as they can be read.
  const inside = RATIOS.map((ratio) => Number((ratio - 1).toFixed(2))).filter(
    (value) => value >= y.from && value <= y.to,
  )
  const readable: number[] = []
  for (const value of inside.toSorted((a, b) => Math.abs(a - (origin ?? 0)) - Math.abs(b - (origin ?? 0))))
    if (readable.every((other) => Math.abs(y(other) - y(value)) >= TICK_PX)) readable.push(value)
  return readable
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

export function pathOf({ time, values, area }: Line, x: Scale, y: Scale): string {
  const parts = values.map((value, place) => `${x(time[place]!).toFixed(1)} ${y(value).toFixed(1)}`)
  const line = `M${parts.join('L')}`
  if (!area) return line
  const zero = y(0).toFixed(1)
  return `${line}L${x(time.at(-1) ?? 0).toFixed(1)} ${zero}L${x(time[0] ?? 0).toFixed(1)} ${zero}Z`
}
