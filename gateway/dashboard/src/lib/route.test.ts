import { expect, test } from 'vitest'

import { canonical, linkToSignal, pageOf, partsBelow, placeBelow, SETTINGS, signalOf } from './route'

test('an address names a page or a signal; without either it is that of the moment', () => {
  for (const none of ['', '#', '#/']) expect(pageOf(none)).toBe('now')
  expect(pageOf('#/signals')).toBe('signals')
  expect(pageOf('#btc-1')).toBe('signals')
  expect(pageOf('#/research/optimize?symbol=BTCUSDT')).toBe('research')
  expect(pageOf('#/analysis')).toBe('analysis')
  expect(pageOf('#/settings')).toBe('settings')
  expect(pageOf('#/operator/access')).toBe('operator')
})

test('only a name without a slash is a signal', () => {
  expect(signalOf('#btc-1')).toBe('btc-1')
  expect(signalOf('#/research')).toBeNull()
  expect(signalOf('')).toBeNull()
})

test('any name of a signal comes back from its link, and a broken one stands as it is', () => {
  for (const name of ['btc-1', 'a b', '../system/health', 'ü%', '/x']) expect(signalOf(linkToSignal(name))).toBe(name)
  expect(signalOf('#100%')).toBe('100%')
})

test('any names come back from the place below a page', () => {
  for (const names of [[], ['effective'], ['My.Strategy', 'v1-1a2b3c4d'], ['a/b c', 'ü%', '..']])
    expect(partsBelow(SETTINGS, placeBelow(SETTINGS, ...names))).toEqual(names)
  expect(partsBelow(SETTINGS, '#/settings/100%//')).toEqual(['100%'])
  expect(partsBelow(SETTINGS, '#/operator/x')).toEqual([])
})

test('the journal is found under its own name as well', () => {
  expect(canonical('#/journal')).toBe('#/performance/journal')
  expect(canonical('#/journal/new/idea/i1')).toBe('#/performance/journal/new/idea/i1')
  for (const other of ['#/journals', '#/performance/journal', '#journal', '']) expect(canonical(other)).toBe(other)
})
