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
  if (score === null) return 'No timeframe votes'
  const known = Object.values(votes).filter((vote) => vote !== null)
  const first = known[0]!
  if (known.every((vote) => vote === first))
    return known.length === 1 ? `One timeframe votes, ${first}` : `All ${known.length} are ${first}`
  return tallyText(known)
}

export function signedScore(score: number | null): string {
  if (score === null) return '–'
  const text = Math.abs(score).toFixed(2)
  return Number(text) === 0 ? '0' : `${score < 0 ? '−' : '+'}${text}`
}

const DIFFERENCE = /^bullish: \w+ - (\w+) / // as `gateway/answers/readings.py` words a rule

/** What is read, in words: of some indicators it is how far they are above another one. */
export function indicatorWords(name: string, rule: string): string {
  const subtracted = DIFFERENCE.exec(rule)?.[1]
  return subtracted === undefined ? wordsOf(name) : `${wordsOf(name)}, less ${wordsOf(subtracted)}`
}
