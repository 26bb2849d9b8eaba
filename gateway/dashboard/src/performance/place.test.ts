import { expect, test } from 'vitest'

import { linkToJournalForm, linkToTrade } from '../lib/route'
import { ACCOUNT_PLACE, JOURNAL_PLACE, linkToCorrection, NEW_TRADE, placeOf } from './place'

test('every place comes back from its link', () => {
  expect(placeOf('#/performance')).toEqual({ shown: 'results' })
  expect(placeOf(ACCOUNT_PLACE)).toEqual({ shown: 'account' })
  expect(placeOf(JOURNAL_PLACE)).toEqual({ shown: 'journal', tradeId: null })
  expect(placeOf(linkToTrade('new'))).toEqual({ shown: 'journal', tradeId: 'new' })
  expect(placeOf(linkToCorrection('btc-1'))).toEqual({ shown: 'correction', tradeId: 'btc-1' })
  expect(placeOf(NEW_TRADE)).toEqual({ shown: 'new', source: null })
  expect(placeOf(linkToJournalForm('signal', 'btc/1 a'))).toEqual({
    shown: 'new',
    source: { kind: 'signal', id: 'btc/1 a' },
  })
  expect(placeOf(linkToJournalForm('idea', 'i'))).toEqual({ shown: 'new', source: { kind: 'idea', id: 'i' } })
})
