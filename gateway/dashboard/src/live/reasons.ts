// Why a signal is what it is, for people: a feature in words, and how usual its value is.

import type { Driver, Explanation, FeatureRank } from '../contract'
import { daysText, percent } from '../lib/format'
import { WORD } from '../lib/signal'
import { featureText, isPointer, isRegime, wordsOf } from './featureWords'

export type Ranks = Readonly<Record<string, FeatureRank>>

const LOW = 0.2
const HIGH = 0.8

/** `is low`, `points up`, `is 98%`; the number itself of a usual value, and where it is not known how usual it is. */
export function stateText({ feature, value }: Driver, ranks: Ranks): string {
  if (value === null) return 'is unknown'
  if (isPointer(feature)) return `points ${featureText(feature, value)}`
  if (isRegime(feature)) return `is ${featureText(feature, value)}`
  const rank = ranks[feature]
  if (rank !== undefined && rank.share_below <= LOW) return 'is low'
  return rank !== undefined && rank.share_below >= HIGH ? 'is high' : `is ${featureText(feature, value)}`
}

/** `bottom 5%`; empty of a usual value, and where it is not known. */
export function rankText({ feature, value }: Driver, ranks: Ranks): string {
  const rank = ranks[feature]
  if (rank === undefined || value === null || isPointer(feature)) return ''
  const { share_below: below } = rank
  if (below <= LOW) return `bottom ${percent(atLeast1(below))}`
  return below >= HIGH ? `top ${percent(atLeast1(1 - below))}` : ''
}

function atLeast1(share: number): number {
  return Math.max(share, 0.01)
}

/** `of 5,000 bars, 3.5 days`: what the ranks compare with; empty without any. */
export function comparedText(ranks: Ranks, closeMs: number): string {
  const [rank] = Object.values(ranks)
  return rank === undefined ? '' : `${rank.bars.toLocaleString('en-US')} bars, ${daysText(closeMs - rank.from_ms)}`
}

/** One sentence: the class, what speaks most for it, and what most against it. */
export function sentenceOf({ explained_class, positive, negative }: Explanation, ranks: Ranks): string {
  const speaks = positive.slice(0, 2).map((driver) => reason(driver, ranks))
  const against = negative.slice(0, 1).map((driver) => reason(driver, ranks))
  const word = WORD[explained_class]
  if (speaks.length === 0) return against.length === 0 ? `${word}.` : `${word}, although ${against.join('')}.`
  const because = `${word}, mostly because ${speaks.join(' and ')}`
  return against.length === 0 ? `${because}.` : `${because}; against it, ${against.join('')}.`
}

function reason(driver: Driver, ranks: Ranks): string {
  const rank = rankText(driver, ranks)
  return `${wordsOf(driver.feature)} ${stateText(driver, ranks)}${rank === '' ? '' : ` (${rank})`}`
}
