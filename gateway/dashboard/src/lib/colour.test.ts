import { expect, test } from 'vitest'

import { faded } from './colour'

test('a faded colour keeps its hue, whatever it was see-through before', () => {
  expect(faded('rgb(1, 2, 3)', 0.5)).toBe('rgba(1, 2, 3, 0.5)')
  expect(faded('rgba(1, 2, 3, 0.9)', 0.1)).toBe('rgba(1, 2, 3, 0.1)')
})
