// Why a signal opened no idea, and how an idea ended, for people.

import type { IdeaItem, SuppressedItem } from '../contract'

export const REASONS: Record<SuppressedItem['reason'], string> = {
  neutral: 'no direction',
  unqualified: 'the model is not qualified',
  grade: 'below the least grade of the config',
  no_tables: 'the model has no tables of returns',
  edge: 'too little expected after costs',
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
