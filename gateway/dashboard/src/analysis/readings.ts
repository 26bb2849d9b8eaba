// What indicators say of a direction, in a shape, a word and a colour.

import type { FamilyReading, TimeframeAgreement } from '../contract'
import { wordsOf } from '../live/featureWords'

export type Reading = 'bullish' | 'bearish' | 'neutral'

export const READINGS: Record<Reading, { arrow: string; word: string; tone: string }> = {
  bullish: { arrow: '▲', word: 'Bullish', tone: 'up' },
  bearish: { arrow: '▼', word: 'Bearish', tone: 'down' },
  neutral: { arrow: '●', word: 'Neutral', tone: 'flat' },
}

/** How many of each, as in `3 bullish, 1 bearish, 2 neutral`; nothing is left out but what is none. */
export function tallyText(readings: readonly (Reading | null)[]): string {
  const counted = (Object.keys(READINGS) as Reading[]).map((name) => {
    const count = readings.filter((reading) => reading === name).length
    return count === 0 ? '' : `${count} ${name}`
  })
  return counted.filter(Boolean).join(', ') || 'unknown yet'
}

export function familyText({ indicators }: FamilyReading): string {
  return tallyText(indicators.map(({ reading }) => reading))
}

/** What the score says, in words. */
export function agreementText({ score, votes }: Pick<TimeframeAgreement, 'score' | 'votes'>): string {
  const known = Object.values(votes).filter((vote) => vote !== null)
  if (score === null) return known.length === 0 ? 'No timeframe votes' : `One timeframe only, ${known.join()}`
  return known.every((vote) => vote === known[0])
    ? `Indicators of all ${known.length} timeframes are ${known[0]}`
    : tallyText(known)
}

export function signedScore(score: number | null): string {
  if (score === null) return '–'
  const text = Math.abs(score).toFixed(2)
  return Number(text) === 0 ? '0' : `${score < 0 ? '−' : '+'}${text}`
}

/** What is read, in words: of some indicators it is how far they are above another one. */
export function indicatorWords(name: string, minus: string | null): string {
  return minus !== null ? `${wordsOf(name)}, less ${wordsOf(minus)}` : wordsOf(name)
}
