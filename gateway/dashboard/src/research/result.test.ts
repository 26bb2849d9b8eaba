import { expect, test } from 'vitest'

import { backtestOf, numberText, paramsText, sameParams, sideOfZero } from './result'

test('the back-test of a trial has its parameters and the costs of the search', () => {
  const spec = { symbol: 'BTCUSDT', fee_bps: 3, indicator: 'rsi', objective: 'sharpe', window_range: {} }

  expect(backtestOf(spec, { window: 50, signal: 1 })).toEqual({
    symbol: 'BTCUSDT',
    fee_bps: 3,
    indicator: 'rsi',
    window: 50,
    signal: 1,
  })
})

test('a strategy takes its parameters as they are named', () => {
  expect(backtestOf({ strategy: 'ema_cross' }, { fast: 5 })).toEqual({ strategy: 'ema_cross', params: { fast: 5 } })
})

test('each factor gets the parameters of its place, and loses its ranges', () => {
  const factors = [
    { indicator: 'rsi', window_range: {}, signal_range: {} },
    { indicator: 'macd', window_range: {}, signal_range: {} },
  ]

  const body = backtestOf(
    { mode: 'multi', factors, combine: 'all' },
    { window_1: 1, signal_1: 2, window_2: 3, signal_2: 4 },
  )

  expect(body['factors']).toEqual([
    { indicator: 'rsi', window: 1, signal: 2 },
    { indicator: 'macd', window: 3, signal: 4 },
  ])
})

test('parameters are read as words and short numbers', () => {
  expect(paramsText({ window: 50, signal_level: -1.25 })).toBe('window 50 · signal level −1.25')
  expect(numberText(0.1 + 0.2)).toBe('0.3')
})

test('a trial is the same by its values', () => {
  expect(sameParams({ a: 1 }, { a: 1, b: 2 })).toBe(true)
  expect(sameParams({ a: 1 }, { a: 2 })).toBe(false)
})

test('an interval of a Sharpe ratio is above, below or around zero', () => {
  expect(sideOfZero([0.4, 1.2])).toContain('above 0')
  expect(sideOfZero([-1.59, -0.4])).toContain('loses')
  for (const around of [
    [-0.5, 0.5],
    [0, 1],
    [-1, 0],
  ] as const)
    expect(sideOfZero(around)).toContain('both sides')
})
