// Moments, spans and reasons as the columns write them.

import { closeText, dayText, daysText } from '../lib/format'

/** How long a state has lasted, in bars and in time; empty when nobody told. */
export function dwellText(bars: number | null, timeframeMs: number): string {
  return bars === null ? '' : `for ${bars} bar${bars === 1 ? '' : 's'}, ${daysText(bars * timeframeMs)}`
}

/** A moment beside another one: its day is named where it is another day. */
export function momentText(ms: number, besideMs: number): string {
  const day = dayText(ms)
  return ms === besideMs || day === dayText(besideMs)
    ? `${closeText(ms)}${ms === besideMs ? ' UTC' : ''}`
    : `${day.slice(0, -5)}, ${closeText(ms)}`
}

/** Clauses between semicolons, as sentences. */
export function sentencesOf(clauses: string): readonly string[] {
  return clauses
    .split('; ')
    .filter(Boolean)
    .map((clause) => `${clause[0]!.toUpperCase()}${clause.slice(1)}.`)
}
