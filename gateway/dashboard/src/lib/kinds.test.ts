import { expect, test } from 'vitest'

import { toneOf } from './kinds'

test('only an interval that leaves out 0 has a side', () => {
  expect(toneOf(0.001, 0.002)).toBe('good')
  expect(toneOf(-0.002, -0.001)).toBe('bad')
  expect(toneOf(-0.002, 0.001)).toBe('')
  expect(toneOf(null, null)).toBe('')
})
