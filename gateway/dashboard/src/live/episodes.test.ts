import { expect, test } from 'vitest'

import { MINUTE_MS, signal } from '../testing/build'
import { episodeBars, newestOfEpisodes, standingFor } from './episodes'

const rising = [4, 3, 2].map((minute) => signal(minute, { since_ms: 2 * MINUTE_MS }))
const other = signal(3, { symbol: 'ETHUSDT', since_ms: 2 * MINUTE_MS })
const before = signal(1, { direction: 'sell', since_ms: MINUTE_MS })

test('an episode is one line, by its newest signal', () => {
  expect(newestOfEpisodes([rising[0]!, rising[1]!, other, rising[2]!, before])).toEqual([rising[0], other, before])
})

test('signals that name no episode stand alone', () => {
  const old = [3, 2].map((minute) => signal(minute, { since_ms: null }))

  expect(newestOfEpisodes(old)).toEqual(old)
  expect(standingFor(old[0]!, [old[1]!])).toBeNull()
})

test('the line of an episode stands for each of its signals', () => {
  expect(standingFor(rising[2]!, [rising[0]!, before])).toBe(rising[0])
  expect(standingFor(rising[2]!, rising)).toBe(rising[2])
  expect(standingFor(other, [rising[0]!])).toBeNull()
})

test('the age of an episode counts its bars', () => {
  expect(rising.map(episodeBars)).toEqual([3, 2, 1])
  expect(episodeBars(signal(4, { since_ms: null }))).toBe(1)
})
