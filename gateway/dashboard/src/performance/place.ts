// What an address below `#/performance` names: the results, a trade of the journal, a form, or the account.

import { partsBelow, PERFORMANCE, placeBelow } from '../lib/route'

const JOURNAL = 'journal'
const ACCOUNT = 'account'
const NEW = 'new'

/** What a new trade begins from. */
export interface Source {
  kind: 'signal' | 'idea'
  id: string
}

export type Place =
  | { shown: 'results' }
  | { shown: 'account' }
  | { shown: 'journal'; tradeId: string | null }
  | { shown: 'correction'; tradeId: string }
  | { shown: 'new'; source: Source | null }

export const JOURNAL_PLACE = placeBelow(PERFORMANCE, JOURNAL)
export const ACCOUNT_PLACE = placeBelow(PERFORMANCE, ACCOUNT)
export const NEW_TRADE = placeBelow(PERFORMANCE, JOURNAL, NEW)

export function linkToCorrection(tradeId: string): string {
  return placeBelow(PERFORMANCE, JOURNAL, 'trade', tradeId, 'correct')
}

export function placeOf(hash: string): Place {
  const [tab, kind, name, detail] = partsBelow(PERFORMANCE, hash)
  if (tab === ACCOUNT) return { shown: 'account' }
  if (tab !== JOURNAL) return { shown: 'results' }
  if (kind === NEW) {
    const isKnown = (name === 'signal' || name === 'idea') && detail !== undefined
    return { shown: 'new', source: isKnown ? { kind: name, id: detail } : null }
  }
  if (name === undefined) return { shown: 'journal', tradeId: null }
  return detail === 'correct' ? { shown: 'correction', tradeId: name } : { shown: 'journal', tradeId: name }
}
