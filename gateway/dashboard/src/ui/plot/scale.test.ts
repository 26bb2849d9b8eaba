import { expect, test } from 'vitest'

import { linear, placeBefore, ticks, timeTicks } from './scale'

const DAY_MS = 86_400_000

test('a linear scale maps both of its ends, also downwards', () => {
  const y = linear(0, 10, 100, 0)

  expect([y(0), y(5), y(10)]).toEqual([100, 50, 0])
})

test('a scale over a single value does not divide by zero', () => {
  expect(linear(3, 3, 10, 20)(3)).toBe(10)
})

test('ticks are round and lie inside', () => {
  expect(ticks(0, 1, 4)).toEqual([0, 0.25, 0.5, 0.75, 1])
  expect(ticks(-0.31, 0.29, 3)).toEqual([-0.2, 0, 0.2])
  expect(ticks(5, 5, 4)).toEqual([5])
})

test('months are named, and a year where it begins', () => {
  const texts = timeTicks(Date.UTC(2024, 10, 15), Date.UTC(2025, 2, 15), 12).map(({ text }) => text)

  expect(texts).toEqual(['Dec', '2025', 'Feb', 'Mar'])
})

test('a short span has days, and never more ticks than asked for', () => {
  const from = Date.UTC(2026, 0, 1)
  const days = timeTicks(from, from + 10 * DAY_MS, 6)

  expect(days.map(({ text }) => text)).toEqual(['1 Jan', '3 Jan', '5 Jan', '7 Jan', '9 Jan', '11 Jan'])
})

test('the place before a value is that of the last one that is not after it', () => {
  const values = [10, 20, 30]

  expect([5, 10, 19, 20, 99].map((value) => placeBefore(values, value))).toEqual([0, 0, 0, 1, 2])
})
