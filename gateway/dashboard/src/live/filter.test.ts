import { expect, test } from 'vitest'

import { MINUTE_MS, signal } from '../testing/build'
import { DEFAULT_FILTER, filterFrom, isQuiet, passes, queryOf, toggled, WHOLE_FILTER } from './filter'

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

test('a list holds the signals of one timeframe, and asks for those', () => {
  const base = { ...DEFAULT_FILTER, timeframe: { name: '1m', ms: MINUTE_MS, isBase: true } }
  const higher = { ...DEFAULT_FILTER, timeframe: { name: '15m', ms: 15 * MINUTE_MS, isBase: false } }
  const quarter = signal(15, { timeframe_ms: 15 * MINUTE_MS })

  expect([base, higher].map((filter) => passes(filter, signal(1)))).toEqual([true, false])
  expect([base, higher].map((filter) => passes(filter, quarter))).toEqual([false, true])
  expect(queryOf(base)).toBe(queryOf(DEFAULT_FILTER))
  expect(queryOf(higher)).toBe(`timeframe=15m&${queryOf(DEFAULT_FILTER)}`)
  expect(isQuiet(higher)).toBe(true)
})

test('a filter is quiet while it leaves out neutral signals alone', () => {
  expect(isQuiet({ ...DEFAULT_FILTER, symbol: 'BTCUSDT' })).toBe(true)
  expect(isQuiet({ ...DEFAULT_FILTER, text: 'b' })).toBe(false)
  expect(isQuiet({ ...DEFAULT_FILTER, grades: ['A'] })).toBe(false)
})

test('a least rank leaves out what has none', () => {
  const ranked = { ...WHOLE_FILTER, minRank: 75 }

  const passing = [75, 74.9, null].map((rank) => passes(ranked, signal(1, { rank })))
  expect(passing).toEqual([true, false, false])
  expect(passes(WHOLE_FILTER, signal(1, { rank: null }))).toBe(true)
  expect(queryOf(ranked)).toBe('min_rank=75')
  expect(isQuiet({ ...DEFAULT_FILTER, minRank: 75 })).toBe(false)
})

test('toggling keeps the order of the whole', () => {
  expect(toggled(['a', 'b', 'c'], ['c'], 'a')).toEqual(['a', 'c'])
  expect(toggled(['a', 'b', 'c'], ['a', 'c'], 'a')).toEqual(['c'])
})

test('the filter of an earlier visit is taken as far as it is one', () => {
  const filter = {
    timeframe: null,
    symbol: null,
    text: '',
    grades: ['A', 'B'],
    directions: ['buy'],
    minRank: 75,
    everyBar: true,
  }

  expect(filterFrom(filter)).toEqual(filter)
  expect(filterFrom({ ...filter, text: 'eth', symbol: 'ETHUSDT' })).toEqual(filter)
  for (const stored of [null, 7, 'x', [], { symbol: 3, grades: 'A', directions: null }])
    expect(filterFrom(stored)).toEqual(DEFAULT_FILTER)
  expect(filterFrom({ grades: ['D', 'C'] }).grades).toEqual(['C'])
  expect(filterFrom({ minRank: 51 }).minRank).toBeNull()
})
