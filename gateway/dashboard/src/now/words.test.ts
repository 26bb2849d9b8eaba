import { expect, test } from 'vitest'

import type { IdeaItem } from '../contract'
import { ageOf, endText, openReturn, rightText } from './words'

test('what an idea has made is told its way, and not before it was entered', () => {
  expect(openReturn({ side: 'buy', entry_price: 100 }, 102)).toBeCloseTo(0.02)
  expect(openReturn({ side: 'sell', entry_price: 100 }, 102)).toBeCloseTo(-0.02)
  expect(openReturn({ side: 'buy', entry_price: null }, 102)).toBeNull()
  expect(openReturn({ side: 'buy', entry_price: 100 }, null)).toBeNull()
})

test('an idea without an end runs', () => {
  expect(endText({ exit_reason: null } as IdeaItem)).toBe('it runs')
  expect(endText({ exit_reason: 'target' } as IdeaItem)).toBe('at its target')
})

test('how often ideas of a kind were right is said with its bounds, and not of none', () => {
  const some = { trades: 20, wins: 12, hit_rate_low: 0.4, hit_rate_high: 0.777 }
  expect(rightText(some)).toEqual({ value: 'right 12 of 20 times', note: '40% to 78%' })
  expect(rightText({ ...some, hit_rate_low: null }).note).toBe('too few yet for bounds')
  expect(rightText({ ...some, trades: 0 })).toEqual({ value: 'too few yet' })
})

test('an idea is as old as its bars, and what runs on past its last one waits for late data', () => {
  const idea = { age_bars: 4, opened_ms: 0, expires_ms: 15 * 60_000, timeframe_ms: 60_000 }
  expect(ageOf(idea)).toEqual({ value: '4 of 15 bars', late: null })
  expect(ageOf({ ...idea, age_bars: 17 })).toEqual({ value: '15 of 15 bars', late: null })
  expect(ageOf({ ...idea, age_bars: 49 })).toEqual({
    value: 'should have ended',
    late: 'data are at least 34 bars late',
  })
})
