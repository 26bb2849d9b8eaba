// Numbers and times as people read them. An unknown number is a dash, never a zero.

const UNKNOWN = '–'

export function percent(fraction: number | null | undefined, digits = 0): string {
  return fraction == null ? UNKNOWN : `${minus((fraction * 100).toFixed(digits))}%`
}

/** With its sign, e.g. a return. */
export function signedPercent(fraction: number | null | undefined, digits = 2): string {
  if (fraction == null) return UNKNOWN
  const size = Math.abs(fraction) * 100
  const text = size.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  const sign = Number(size.toFixed(digits)) === 0 ? '' : fraction < 0 ? '−' : '+'
  return `${sign}${text}%`
}

/** A ratio, e.g. a Sharpe ratio. */
export function ratioText(value: number | null | undefined): string {
  return value == null ? UNKNOWN : minus(value.toFixed(2))
}

/** An amount of US dollars. */
export function dollars(amount: number): string {
  const text = Math.abs(amount).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
  return `${amount < 0 ? '−' : ''}$${text}`
}

/** With its sign, e.g. a profit; an exact amount is rounded. */
export function signedDollars(exact: number | string | null): string {
  if (exact === null) return UNKNOWN
  const amount = Number(exact)
  return amount > 0 ? `+${dollars(amount)}` : dollars(amount)
}

/** Decimals that a price of this size is read with. */
export function priceDigits(price: number): number {
  if (price >= 10_000) return 1
  if (price >= 100) return 2
  return Math.min(Math.max(5 - Math.ceil(Math.log10(Math.max(price, 1e-9))), 3), 8)
}

export function priceText(price: number | null | undefined, like: number = price ?? 1): string {
  if (price == null) return UNKNOWN
  const digits = priceDigits(like)
  return price.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** A feature's value: short, whole where it is whole, and never in exponents where a few decimals do. */
export function valueText(value: number | null): string {
  if (value === null) return UNKNOWN
  if (Number.isInteger(value)) return minus(countText(value))
  const size = Math.abs(value)
  if (size < 0.001) return minus(value.toPrecision(2))
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 4
  return minus(value.toFixed(digits))
}

function minus(text: string): string {
  return text.replaceAll('-', '−')
}

const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 })

/** A size, such as a volume, in three digits: 12.3K. */
export function sizeText(size: number): string {
  return COMPACT.format(size)
}

export function countText(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 day`, `2 days`. */
export function countedText(count: number, word: string): string {
  return `${countText(count)} ${word}${count === 1 ? '' : 's'}`
}

/** An exact amount as it was said, in groups of three digits; it may have more than a number holds. */
export function amountText(amount: string | number | null): string {
  if (amount === null) return UNKNOWN
  const [whole, decimals] = String(amount).split('.')
  const grouped = minus(whole!.replace(/\B(?=(\d{3})+$)/g, ','))
  return decimals === undefined ? grouped : `${grouped}.${decimals}`
}

const CLOCK = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'UTC',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})
const DAY = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: '2-digit', month: 'short' })
const YEAR = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', year: 'numeric' })

export function clockText(ms: number): string {
  return CLOCK.format(ms)
}

/** Hours and minutes; bars close on whole minutes. */
export function closeText(ms: number): string {
  return CLOCK.format(ms).slice(0, 5)
}

export function dayText(ms: number): string {
  return `${DAY.format(ms)} ${YEAR.format(ms)}`
}

export function stampText(ms: number): string {
  return `${dayText(ms)}, ${closeText(ms)} UTC`
}

/** How long ago a bar closed, in bars: right at any speed. */
export function ageText(bars: number): string {
  const whole = Math.floor(bars)
  if (whole < 1) return 'now'
  return whole < 1_000 ? countedText(whole, 'bar') : `${(whole / 1_000).toFixed(1)}k bars`
}

/** When something ends that began some time: the day is said where it is another one. */
export function untilText(endMs: number, beginMs: number): string {
  return dayText(endMs) === dayText(beginMs) ? `${closeText(endMs)} UTC` : stampText(endMs)
}

export function barsText(bars: number): string {
  return `${bars < 100 ? bars.toFixed(1) : countText(Math.round(bars))} bars`
}

export function timeframeText(ms: number): string {
  const minutes = ms / 60_000
  if (minutes < 60) return `${minutes}m`
  return minutes < 1_440 ? `${minutes / 60}h` : `${minutes / 1_440}d`
}

/** A span of market time. */
export function daysText(ms: number): string {
  const hours = ms / 3_600_000
  if (hours < 48) return `${hours < 1 ? Math.round(hours * 60) : Math.round(hours)} ${hours < 1 ? 'min' : 'h'}`
  return hours < 240 ? `${(hours / 24).toFixed(1)} days` : `${countText(Math.round(hours / 24))} days`
}

export function durationText(ms: number | null | undefined): string {
  if (ms == null) return UNKNOWN
  if (ms < 1_000) return `${Math.round(ms)} ms`
  return ms < 90_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`
}

/** The time of this machine, for when something was last heard. */
export function wallText(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB')
}
