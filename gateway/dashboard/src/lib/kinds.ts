// The three kinds of results. They are never added up together.

import type { TradeFigures } from '../contract'

export const KINDS = [
  { kind: 'ideas', name: 'Ideas', meaning: 'Nobody chose among them, and they do not overlap' },
  { kind: 'journal', name: 'Journal', meaning: 'What you did about signals of this timeframe' },
  { kind: 'calls', name: 'Calls', meaning: 'Every buy or sell signal that has expired; they overlap' },
] as const

export type Kind = (typeof KINDS)[number]['kind']
export type ThreeFigures = Record<Kind, TradeFigures | null>

/** Whether a figure is known to be on one side of 0, and of which. */
export function toneOf(low: number | null, high: number | null): 'good' | 'bad' | '' {
  if (low === null || high === null) return ''
  return low > 0 ? 'good' : high < 0 ? 'bad' : ''
}
