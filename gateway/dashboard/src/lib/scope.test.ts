import { expect, test } from 'vitest'

import { searchAfter, spanMs, spanOf, symbolOf } from './scope'

test('any market comes back from the address that names it, and none is all', () => {
  for (const symbol of ['BTCUSDT', '币安人生USDT', 'a/b c&d'])
    expect(symbolOf(searchAfter('?tf=15m', { symbol }))).toBe(symbol)
  for (const search of ['', '?', '?symbol=']) expect(symbolOf(search)).toBeNull()
})

test('a change leaves the other parts of the address as they are', () => {
  const search = searchAfter('?a=1', { symbol: 'BTCUSDT', timeframe: { name: '15m', isBase: false }, span: '30d' })

  expect(search).toBe('?a=1&tf=15m&symbol=BTCUSDT&span=30d')
  expect(searchAfter(search, { symbol: null })).toBe('?a=1&tf=15m&span=30d')
  expect(searchAfter(search, { timeframe: { name: '1m', isBase: true }, span: null })).toBe('?a=1&symbol=BTCUSDT')
  expect(searchAfter('?symbol=BTCUSDT', { symbol: null })).toBe('')
})

test('only spans that are offered count', () => {
  expect(spanOf('?span=30d')).toBe('30d')
  for (const search of ['', '?span=', '?span=31d', '?span=toString']) expect(spanOf(search)).toBeNull()
  expect(spanMs('7d')).toBe(7 * 86_400_000)
})
