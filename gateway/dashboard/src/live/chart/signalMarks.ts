// Signals as the chart draws them: arrows on the candles, and the plan of the chosen one.

import type { SeriesMarker, Time, UTCTimestamp } from 'lightweight-charts'

import type { Bar, SignalItem } from '../../contract'
import { priceText } from '../../lib/format'
import { colour } from '../../lib/theme'
import type { Plan, PlanColours } from './plan'

const APART_BARS = 4 // between two marks of one direction

/** Everything is drawn at its bar's close, the moment at which it was known. */
export function seconds(ms: number): UTCTimestamp {
  return (ms / 1_000) as UTCTimestamp
}

/** Place of the first bar that closes at or after a moment. */
export function placeOf(ms: number, bars: readonly Bar[]): number {
  let [low, high] = [0, bars.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((bars[middle]?.event_time_ms ?? 0) < ms) low = middle + 1
    else high = middle
  }
  return Math.min(low, bars.length - 1)
}

const RANK = { 'A+': 3, A: 2, B: 1, C: 0 }

/** An arrow where a direction begins, grows stronger or outlives its horizon; repeats stay unmarked. */
export function markersOf(signals: readonly SignalItem[], chosenId: string | null): SeriesMarker<Time>[] {
  const marks: SeriesMarker<Time>[] = []
  let run = { direction: 'neutral', rank: 3, fromMs: 0, expiresMs: 0 }
  for (const signal of signals) {
    const { direction, signal_id: id } = signal
    const rank = RANK[signal.grade]
    const now = signal.event_time_ms
    const crowded = now < run.fromMs + APART_BARS * signal.timeframe_ms
    const said = run.direction === direction && now < run.expiresMs && (crowded || run.rank >= rank)
    if (!said) run = { direction, rank, fromMs: now, expiresMs: signal.expires_ms }
    if (id === chosenId || (!said && direction !== 'neutral')) marks.push(marker(signal, id === chosenId))
  }
  return marks
}

function marker(signal: SignalItem, chosen: boolean): SeriesMarker<Time> {
  const tone = colour({ buy: 'up', sell: 'down', neutral: 'flat' }[signal.direction])
  return {
    id: signal.signal_id,
    time: seconds(signal.event_time_ms),
    position: signal.direction === 'sell' ? 'aboveBar' : 'belowBar',
    shape: ({ buy: 'arrowUp', sell: 'arrowDown', neutral: 'circle' } as const)[signal.direction],
    color: chosen ? colour('text') : tone,
    size: chosen ? 1.6 : 0.9,
    text: signal.grade,
  }
}

export function planOf(signal: SignalItem, bars: readonly Bar[]): Plan | null {
  const from = placeOf(signal.event_time_ms, bars)
  if (bars[from]?.event_time_ms !== signal.event_time_ms) return null
  const { reference_price: reference, target_price: target, invalidation_price: wrong } = signal
  const band = [1, -1].map((side) => ({
    price: reference * (1 + side * signal.threshold),
    text: `${side > 0 ? '+' : '−'}${(signal.threshold * 100).toFixed(2)}%`,
    wrong: false,
  }))
  const aims = [
    ...(target === null ? [] : [{ price: target, text: `Target ${priceText(target, reference)}`, wrong: false }]),
    ...(wrong === null ? [] : [{ price: wrong, text: `Invalid ${priceText(wrong, reference)}`, wrong: true }]),
  ]
  const { score } = signal
  return {
    from,
    to: from + signal.horizon_bars,
    reference,
    levels: aims.length ? aims : signal.direction === 'neutral' ? band : [],
    outcome:
      score?.entry_price != null && score.exit_price != null && score.hit !== null
        ? { entry: score.entry_price, exit: score.exit_price, hit: score.hit }
        : null,
  }
}

export function planColours(signal: SignalItem | null): PlanColours {
  const aim = { buy: 'up', sell: 'down', neutral: 'flat' }[signal?.direction ?? 'neutral']
  return {
    aim: colour(aim),
    wrong: colour('text-3'),
    text: colour('text-2'),
    back: colour('panel'),
    hit: colour('good'),
    miss: colour('bad'),
    font: getComputedStyle(document.body).fontFamily,
  }
}
