import { expect, test } from 'vitest'

import { pageOf, signalOf } from './route'

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
