import { expect, test } from 'vitest'

import { chooseTimeframe, runningTimeframes, searchFor, timeframeKeys, timeframeOf } from './timeframe'

const BASE = { name: '1m', isBase: true }
const QUARTER = { name: '15m', isBase: false }

test('an address names a timeframe, or none', () => {
  expect(timeframeOf('?tf=15m')).toBe('15m')
  expect(timeframeOf('?a=1&tf=1h')).toBe('1h')
  for (const search of ['', '?', '?tf=', '?time=15m']) expect(timeframeOf(search)).toBeNull()
})

test('the base timeframe needs no name, and what else the address holds stays', () => {
  expect(searchFor('', QUARTER)).toBe('?tf=15m')
  expect(searchFor('?tf=1h', QUARTER)).toBe('?tf=15m')
  expect(searchFor('?tf=15m', BASE)).toBe('')
  expect(searchFor('?a=1&tf=15m', BASE)).toBe('?a=1')
})

test('what was set is read again', () => {
  for (const timeframe of [QUARTER, { name: '1h', isBase: false }])
    expect(timeframeOf(searchFor('?a=1', timeframe))).toBe(timeframe.name)
})

const HEALTH = [
  { timeframe: '1m', timeframe_ms: 60_000 },
  { timeframe: '15m', timeframe_ms: 900_000 },
] as never
const ALL = runningTimeframes(HEALTH)

test('the first that runs is the base', () => {
  expect(ALL).toEqual([
    { name: '1m', ms: 60_000, isBase: true },
    { name: '15m', ms: 900_000, isBase: false },
  ])
})

test('what an address names is shown, else the base, and what does not run is told', () => {
  expect(chooseTimeframe(ALL, '15m')).toEqual({ all: ALL, shown: ALL[1], unknown: null })
  expect(chooseTimeframe(ALL, null)).toEqual({ all: ALL, shown: ALL[0], unknown: null })
  expect(chooseTimeframe(ALL, '7m')).toEqual({ all: ALL, shown: ALL[0], unknown: '7m' })
  expect(chooseTimeframe([], '15m')).toEqual({ all: [], shown: null, unknown: null })
})

test('each timeframe has a digit, and one alone has none', () => {
  const chosen: string[] = []
  const [binding] = timeframeKeys(ALL, ({ name }) => chosen.push(name))

  binding?.act?.('2')

  expect(chosen).toEqual(['15m'])
  expect(binding?.keys).toEqual(['1', '2'])
  expect(timeframeKeys(ALL.slice(0, 1), () => undefined)).toEqual([])
})
