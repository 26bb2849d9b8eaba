import { expect, test } from 'vitest'

import { carried, rangeOfIndicator, spaceOf } from './startingDraft'

test('a draft of another kind keeps what both ask for', () => {
  expect(carried({ symbol: 'ETHUSDT', window: '50' }, { symbol: 'BTCUSDT', train_bars: '10' })).toEqual({
    symbol: 'ETHUSDT',
    train_bars: '10',
  })
})

test('the first two parameters of a strategy get a range of about eight steps', () => {
  const parameters = {
    fast: { type: 'int', low: 5, high: 45, default: 10 },
    slow: { type: 'float', low: 0, high: 1, default: 0.5 },
    third: { type: 'int', low: 1, high: 9, default: 2 },
  }

  expect(spaceOf({ parameters })).toEqual({
    fast: { min: '5', max: '45', step: '5' },
    slow: { min: '0', max: '1', step: '0.13' },
    third: { min: '', max: '', step: '' },
  })
})

test('another indicator brings its own thresholds', () => {
  const rows = [{ name: 'rsi', thresholds: { min: 5, max: 45, step: 5 } }]

  expect(rangeOfIndicator('rsi', rows, { signal_range: '', signal: '' })).toEqual({
    signal_range: { min: '5', max: '45', step: '5' },
    signal: '25',
  })
  expect(rangeOfIndicator('unknown', rows, {})).toEqual({})
})
