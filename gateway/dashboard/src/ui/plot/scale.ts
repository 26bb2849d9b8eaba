// Scales and ticks of the drawings.

export interface Scale {
  (value: number): number
  from: number
  to: number
}

export function linear(from: number, to: number, start: number, end: number): Scale {
  const span = to - from || 1
  const scale = (value: number) => start + ((value - from) / span) * (end - start)
  return Object.assign(scale, { from, to })
}

/** Round values within a span, about so many. */
export function ticks(from: number, to: number, about: number): number[] {
  const raw = (to - from) / Math.max(about, 1)
  if (!(raw > 0)) return [from]
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = ([1, 2, 2.5, 5, 10].find((each) => each * power >= raw) ?? 10) * power
  const values = []
  for (let n = Math.ceil(from / step - 1e-9); n * step <= to + step * 1e-9; n++)
    values.push(Number((n * step).toPrecision(12)))
  return values
}

const DAY_MS = 86_400_000
const MONTH = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', month: 'short' })

export interface TimeTick {
  ms: number
  text: string
}

/** Starts of days, months or years within a span, at most so many. */
export function timeTicks(from: number, to: number, most: number): TimeTick[] {
  const days = (to - from) / DAY_MS
  const months = [1, 2, 3, 6, 12, 24, 60, 120].find((each) => days / (30.4 * each) <= most) ?? 120
  if (days < 45) {
    const step = DAY_MS * Math.max(1, Math.ceil(days / most))
    const first = Math.ceil(from / DAY_MS) * DAY_MS
    return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, place) => {
      const at = new Date(first + place * step)
      return { ms: at.getTime(), text: `${at.getUTCDate()} ${MONTH.format(at)}` }
    })
  }
  const start = new Date(from)
  const marks: TimeTick[] = []
  for (let month = 0; ; month++) {
    const at = new Date(Date.UTC(start.getUTCFullYear(), month, 1))
    if (at.getTime() > to) return marks
    if (at.getTime() < from || (at.getUTCFullYear() * 12 + at.getUTCMonth()) % months !== 0) continue
    const text = at.getUTCMonth() === 0 ? String(at.getUTCFullYear()) : MONTH.format(at)
    marks.push({ ms: at.getTime(), text })
  }
}

/** Place of the last value that is not after another; values ascend. */
export function placeBefore(values: readonly number[], value: number): number {
  let [low, high] = [0, values.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (values[middle]! <= value) low = middle
    else high = middle - 1
  }
  return low
}
