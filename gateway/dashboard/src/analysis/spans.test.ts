import { expect, test } from 'vitest'

import { dwellText, momentText, sentencesOf } from './spans'

const MINUTE_MS = 60_000

test('a dwell is told in bars and in time', () => {
  expect(dwellText(1, MINUTE_MS)).toBe('for 1 bar, 1 min')
  expect(dwellText(14, 15 * MINUTE_MS)).toBe('for 14 bars, 4 h')
  expect(dwellText(null, MINUTE_MS)).toBe('')
})

test('a moment names its day where it is another one, and the edge its zone', () => {
  const edge = Date.UTC(2026, 0, 3, 14, 23)

  expect(momentText(edge, edge)).toBe('14:23 UTC')
  expect(momentText(Date.UTC(2026, 0, 3, 13, 20), edge)).toBe('13:20')
  expect(momentText(Date.UTC(2026, 0, 1, 2, 0), edge)).toBe('01 Jan, 02:00')
})

test('each clause of a reason is a sentence', () => {
  expect(sentencesOf('no bar yet: it is filled; no model serves')).toEqual([
    'No bar yet: it is filled.',
    'No model serves.',
  ])
  expect(sentencesOf('')).toEqual([])
})
