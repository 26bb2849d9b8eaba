import { expect, test } from 'vitest'

import { linkToSignal, pageOf, signalOf } from './route'

test('an address is of the signals unless it says research', () => {
  expect(pageOf('')).toBe('signals')
  expect(pageOf('#btc-1')).toBe('signals')
  expect(pageOf('#/research/optimize?symbol=BTCUSDT')).toBe('research')
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
