import { expect, test } from 'vitest'

import { diffOf, flatten } from './diff'

test('keys are dotted, and a list is one value', () => {
  const content = { decision: { grade_bands: [0.9, 0.8, 0.7], max_entropy: 0.9 }, mlflow: {}, symbols: [] }

  expect(Object.fromEntries(flatten(content))).toEqual({
    'decision.grade_bands': '0.9, 0.8, 0.7',
    'decision.max_entropy': '0.9',
    mlflow: '{}',
    symbols: '[]',
  })
})

test('every key of both contents has a row that says what became of it', () => {
  const was = { a: { gone: true, kept: 1 }, b: 'one' }
  const is = { a: { kept: 1, new: null }, b: 'two' }

  expect(diffOf(was, is)).toEqual([
    { key: 'a.gone', was: 'true', is: null, change: 'removed' },
    { key: 'a.kept', was: '1', is: '1', change: 'same' },
    { key: 'a.new', was: null, is: 'null', change: 'added' },
    { key: 'b', was: 'one', is: 'two', change: 'changed' },
  ])
})

test('a value that becomes a mapping is removed, and its parts are added', () => {
  const rows = diffOf({ a: 1 }, { a: { b: 1 } })

  expect(rows.map(({ key, change }) => `${key} ${change}`)).toEqual(['a removed', 'a.b added'])
})

test.each([
  ['', null],
  ['1', 1],
  ['true', true],
  ['a, b', ['a', 'b']],
  [[], '[]'],
  [{}, '{}'],
])('values of two kinds are told apart: %j, %j', (was, is) => {
  expect(diffOf({ a: was }, { a: is })[0]).toMatchObject({ change: 'changed' })
})
