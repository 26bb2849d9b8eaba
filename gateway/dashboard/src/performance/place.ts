// What an address below `#/performance` names: a trade of the journal, or the form of a new one.

import { partsBelow, PERFORMANCE, placeBelow } from '../lib/route'

const JOURNAL = 'journal'
const NEW = 'new'

/** What a new trade begins from. */
export interface Source {
  kind: 'signal'
  id: string
}

export type Place =
  | { shown: 'journal'; tradeId: string | null }
  | { shown: 'correction'; tradeId: string }
  | { shown: 'new'; source: Source | null }

export const NEW_TRADE = placeBelow(PERFORMANCE, JOURNAL, NEW)

export function linkToTrade(tradeId: string): string {
  return placeBelow(PERFORMANCE, JOURNAL, 'trade', tradeId)
}

export function linkToCorrection(tradeId: string): string {
  return placeBelow(PERFORMANCE, JOURNAL, 'trade', tradeId, 'correct')
}

export function placeOf(hash: string): Place {
  const [, kind, name, detail] = partsBelow(PERFORMANCE, hash)
  if (kind === NEW) {
    const source = name === 'signal' && detail !== undefined ? { kind: name, id: detail } : null
    return { shown: 'new', source } as Place
  }
  if (name === undefined) return { shown: 'journal', tradeId: null }
  return detail === 'correct' ? { shown: 'correction', tradeId: name } : { shown: 'journal', tradeId: name }
}
