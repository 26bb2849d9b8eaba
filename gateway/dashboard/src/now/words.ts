// Why a signal opened no idea, and how an idea ended, for people.

import type { IdeaDetail, IdeaItem, SuppressedItem } from '../contract'
import { countText, percent } from '../lib/format'
import { STALE_BARS } from '../live/staleness'

export const REASONS: Record<SuppressedItem['reason'], string> = {
  neutral: 'no direction',
  unqualified: 'the model is not qualified',
  grade: 'below the least grade of the config',
  no_tables: 'the model has no tables of returns',
  edge: 'not surely worth more than its costs',
  data: 'data old or missing',
  open: 'an idea of the market runs',
}

const ENDS: Record<NonNullable<IdeaItem['exit_reason']>, string> = {
  target: 'at its target',
  invalidation: 'where it is wrong',
  horizon: 'at its horizon',
  reversal: 'on a signal the other way',
  unknown: 'unknown: bars are missing',
}

export function endText({ exit_reason: reason }: IdeaItem): string {
  return reason === null ? 'it runs' : ENDS[reason]
}

/** What an idea has made until a price, before costs, its way; null: it has not been entered. */
export function openReturn(idea: Pick<IdeaItem, 'side' | 'entry_price'>, price: number | null): number | null {
  if (idea.entry_price === null || price === null) return null
  const change = price / idea.entry_price - 1
  return idea.side === 'buy' ? change : -change
}

/** How old an idea is; `late` says why it runs on past its last bar, null while that is to come. */
export function ageOf(idea: Pick<IdeaItem, 'age_bars' | 'opened_ms' | 'expires_ms' | 'timeframe_ms'>) {
  const { age_bars: age, opened_ms: opened, expires_ms: expires, timeframe_ms: frame } = idea
  const lasts = Math.round((expires - opened) / frame)
  const over = age - lasts
  if (over > STALE_BARS) return { value: 'should have ended', late: `data are at least ${over} bars late` }
  return { value: `${Math.min(age, lasts)} of ${lasts} bars`, late: null }
}

/** How often ideas of a kind were right: the share that earned more than 0 after costs. */
export function rightText(similar: Pick<IdeaDetail['similar'], 'trades' | 'wins' | 'hit_rate_low' | 'hit_rate_high'>) {
  const { trades, wins, hit_rate_low: low, hit_rate_high: high } = similar
  if (trades === 0) return { value: 'too few yet' }
  const value = `right ${countText(wins)} of ${countText(trades)} times`
  return { value, note: low === null ? 'too few yet for bounds' : `${percent(low)} to ${percent(high)}` }
}
