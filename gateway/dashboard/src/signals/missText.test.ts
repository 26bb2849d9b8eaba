import { expect, test } from 'vitest'

import type { SignalItem } from '../contract'
import { missText } from './missText'

const signal = (direction: string, exit: number | null, hit: boolean | null = false) =>
  ({ direction, threshold: 0.005, score: { hit, entry_price: 100, exit_price: exit } }) as unknown as SignalItem

test.each([
  ['buy', 100.27, 'rose 0.27%; right is a rise beyond 0.50%'],
  ['buy', 99, 'fell 1.00%; right is a rise beyond 0.50%'],
  ['sell', 99.73, 'fell 0.27%; right is a fall beyond 0.50%'],
  ['neutral', 101, 'rose 1.00%; right is less than 0.50% either way'],
])('a miss says what was missed: %s at %s', (direction, exit, text) => {
  expect(missText(signal(direction, exit))).toBe(text)
})

test('a hit, an unknown outcome and an open signal missed nothing', () => {
  expect(missText(signal('buy', 101, true))).toBe('')
  expect(missText(signal('buy', null, null))).toBe('')
  expect(missText({ ...signal('buy', 101), score: null })).toBe('')
})
