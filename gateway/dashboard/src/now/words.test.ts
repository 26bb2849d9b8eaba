import { expect, test } from 'vitest'

import type { IdeaItem } from '../contract'
import { endText, openReturn } from './words'

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
