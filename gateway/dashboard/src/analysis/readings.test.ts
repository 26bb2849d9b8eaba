import { expect, test } from 'vitest'

import { agreementText, indicatorWords, signedScore, tallyText } from './readings'

test('readings are counted by what they say, and what says nothing is not counted', () => {
  expect(tallyText(['bullish', 'neutral', 'bullish', null])).toBe('2 bullish, 1 neutral')
  expect(tallyText(['bearish', 'bullish'])).toBe('1 bullish, 1 bearish')
  expect(tallyText([null])).toBe('unknown yet')
})

test('the agreement of timeframes is said in words', () => {
  const votes = { '1m': 'bullish', '15m': 'bullish', '1h': 'bullish' } as const

  expect(agreementText({ score: 1, votes })).toBe('Indicators of all 3 timeframes are bullish')
  expect(agreementText({ score: 1 / 3, votes: { ...votes, '1h': 'bearish' } })).toBe('2 bullish, 1 bearish')
  expect(agreementText({ score: null, votes: { '1m': 'neutral', '1h': null } })).toBe('One timeframe only, neutral')
  expect(agreementText({ score: null, votes: { '1m': null } })).toBe('No timeframe votes')
})

test('a score carries its sign, and an unknown one is a dash', () => {
  expect([signedScore(0.667), signedScore(-1), signedScore(0), signedScore(-0.001), signedScore(null)]).toEqual([
    '+0.67',
    '−1.00',
    '0',
    '0',
    '–',
  ])
})

test('an indicator that is read against another one names both', () => {
  expect(indicatorWords('stochastic_k_14', 'stochastic_d_14')).toBe(
    'stochastic %K, 14 bars, less stochastic %D, 14 bars',
  )
  expect(indicatorWords('rsi_14', null)).toBe('RSI, 14 bars')
})
