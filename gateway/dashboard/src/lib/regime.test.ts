import { expect, test } from 'vitest'

import { likeliest } from './regime'

test('the largest share speaks', () => {
  expect(likeliest({ bull: 0.5, bear: 0.2, sideways: 0.3 })).toBe('bull')
  expect(likeliest({ bull: 0.2, bear: 0.5, sideways: 0.3 })).toBe('bear')
  expect(likeliest({ bull: 0.2, bear: 0.3, sideways: 0.5 })).toBe('sideways')
})

test('where all are alike the market goes sideways', () => {
  expect(likeliest({ bull: 1 / 3, bear: 1 / 3, sideways: 1 / 3 })).toBe('sideways')
})
