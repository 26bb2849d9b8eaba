import { expect, test } from 'vitest'

import { commandKeys } from './command'

test('the same content twice has one key, other content another, also when the first comes back', () => {
  const keyOf = commandKeys()

  const keys = [{ a: 1 }, { a: 1 }, { a: 2 }, { a: 1 }].map(keyOf)

  expect(keys[1]).toBe(keys[0])
  expect(new Set(keys).size).toBe(3)
})
