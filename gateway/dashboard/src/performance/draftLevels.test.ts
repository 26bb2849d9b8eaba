import { expect, test } from 'vitest'

import { draftLevels } from './draftLevels'

const EMPTY = { side: 'buy', entry: '', exit: '' } as const

test('what the form names stands at its price, with what the trade would make', () => {
  const [entry, exit] = draftLevels({ side: 'sell', entry: '100.0', exit: '98' }, 101, null)

  expect(entry).toEqual({ name: 'Entry', price: 100, note: '', isOffered: false })
  expect(exit).toEqual({ name: 'Exit', price: 98, note: '+2.00% before costs', isOffered: false })
})

test('what it does not name is offered at the last price and at the target', () => {
  expect(draftLevels(EMPTY, 101, 103).map(({ price, isOffered }) => [price, isOffered])).toEqual([
    [101, true],
    [103, true],
  ])
  expect(draftLevels(EMPTY, 101, null)[1]?.price).toBe(101)
})

test('without any price nothing is offered, and what is no price is none', () => {
  expect(draftLevels(EMPTY, null, 103)).toEqual([])
  for (const text of ['abc', '-5', '0', ' ', '1e999'])
    expect(draftLevels({ ...EMPTY, entry: text }, 101, null)[0]?.isOffered).toBe(true)
})
