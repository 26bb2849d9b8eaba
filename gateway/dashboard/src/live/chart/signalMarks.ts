// Signals as the chart draws them: arrows on the candles, and the plan of the chosen one.

import type { SeriesMarker, Time } from 'lightweight-charts'

import type { SignalItem } from '../../contract'
import { colour } from '../../lib/theme'
import { seconds } from './barPlaces'
import type { PlanColours } from './PlanDrawing'

const APART_BARS = 4 // between two marks of one direction

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
    const repeats = run.direction === direction && now < run.expiresMs && (crowded || run.rank >= rank)
    if (!repeats) run = { direction, rank, fromMs: now, expiresMs: signal.expires_ms }
    if (id === chosenId || (!repeats && direction !== 'neutral')) marks.push(marker(signal, id === chosenId))
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
