import { expect, test } from 'vitest'

import { bar, MINUTE_MS, score, signal } from '../../testing/build'
import { placeOf } from './barPlaces'
import { planOf } from './plan'

const BARS = Array.from({ length: 10 }, (_, place) => bar(place + 1))

test('a moment lies at the first bar that closes at or after it', () => {
  expect(placeOf(3 * MINUTE_MS, BARS)).toBe(2)
  expect(placeOf(3 * MINUTE_MS + 1, BARS)).toBe(3)
  expect(placeOf(0, BARS)).toBe(0)
  expect(placeOf(99 * MINUTE_MS, BARS)).toBe(9)
})

test('a plan spans the horizon from the bar of its signal, with target and invalidation', () => {
  const plan = planOf(signal(4), BARS)

  expect(plan).toMatchObject({ from: 3, to: 18, reference: 100, outcome: null })
  expect(plan?.levels.map(({ price, wrong }) => [price, wrong])).toEqual([
    [103, false],
    [99, true],
  ])
})

test('a neutral signal has a band of the threshold on both sides', () => {
  const neutral = signal(4, { direction: 'neutral', target_price: null, invalidation_price: null })

  const levels = planOf(neutral, BARS)?.levels

  expect(levels?.map(({ price }) => price)).toEqual([100.2, 99.8])
  expect(levels?.map(({ text }) => text)).toEqual(['+0.20%', '−0.20%'])
})

test('without its own bar a signal has no plan', () => {
  expect(planOf(signal(40), BARS)).toBeNull()
})

test('the outcome shows only once it is known', () => {
  const known = signal(4)

  expect(planOf({ ...known, score: score(known) }, BARS)?.outcome).toEqual({ entry: 100, exit: 102, hit: true })
  expect(planOf({ ...known, score: score(known, { hit: null }) }, BARS)?.outcome).toBeNull()
})
