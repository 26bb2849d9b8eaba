import { expect, test } from 'vitest'

import { signal } from '../testing/build'
import { DEFAULT_FILTER, filterFrom, isQuiet, passes, queryOf, toggled } from './filter'

test('neutral signals pass only when they are asked for', () => {
  const neutral = signal(1, { direction: 'neutral' })

  expect(passes(DEFAULT_FILTER, neutral)).toBe(false)
  expect(passes({ ...DEFAULT_FILTER, directions: ['neutral'] }, neutral)).toBe(true)
})

test('a symbol is found by any part of any spelling', () => {
  for (const text of ['btc', 'BTC-USD', 'c/us', ' '])
    expect(passes({ ...DEFAULT_FILTER, text }, signal(1)), text).toBe(true)
  expect(passes({ ...DEFAULT_FILTER, text: 'eth' }, signal(1))).toBe(false)
})

test('a symbol in any script is found by any form of its letters', () => {
  const listed = signal(1, { symbol: '币安人生USDT' })
  for (const text of ['币安', '人生/usdt', 'ＵＳＤＴ'])
    expect(passes({ ...DEFAULT_FILTER, text }, listed), text).toBe(true)
  expect(passes({ ...DEFAULT_FILTER, text: '人币' }, listed)).toBe(false)
})

test('the query names what is left out, and nothing when all is shown', () => {
  expect(queryOf({ ...DEFAULT_FILTER, directions: ['buy', 'sell', 'neutral'] })).toBe('')
  expect(queryOf({ ...DEFAULT_FILTER, symbol: 'BTCUSDT', grades: ['A+', 'A'] })).toBe(
    'ticker=BTCUSDT&grade=A%2B&grade=A&direction=buy&direction=sell',
  )
})

test('a filter is quiet while it leaves out neutral signals alone', () => {
  expect(isQuiet({ ...DEFAULT_FILTER, symbol: 'BTCUSDT' })).toBe(true)
  expect(isQuiet({ ...DEFAULT_FILTER, text: 'b' })).toBe(false)
  expect(isQuiet({ ...DEFAULT_FILTER, grades: ['A'] })).toBe(false)
})

test('toggling keeps the order of the whole', () => {
  expect(toggled(['a', 'b', 'c'], ['c'], 'a')).toEqual(['a', 'c'])
  expect(toggled(['a', 'b', 'c'], ['a', 'c'], 'a')).toEqual(['c'])
})

test('the filter of an earlier visit is taken as far as it is one', () => {
  const filter = { symbol: 'ETHUSDT', text: '', grades: ['A', 'B'], directions: ['buy'] }

  expect(filterFrom(filter)).toEqual(filter)
  expect(filterFrom({ ...filter, text: 'eth' })).toEqual(filter)
  for (const stored of [null, 7, 'x', [], { symbol: 3, grades: 'A', directions: null }])
    expect(filterFrom(stored)).toEqual(DEFAULT_FILTER)
  expect(filterFrom({ grades: ['D', 'C'] }).grades).toEqual(['C'])
})
