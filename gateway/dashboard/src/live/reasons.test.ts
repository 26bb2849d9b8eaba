import { expect, test } from 'vitest'

import type { Driver, Explanation, FeatureRank } from '../contract'
import { featureText, isPointer, wordsOf } from './featureWords'
import { comparedText, rankText, type Ranks, sentenceOf, stateText } from './reasons'

const driver = (feature: string, value: number | null = 1) => ({ feature, value }) as Driver
const rank = (share_below: number): FeatureRank => ({ share_below, bars: 5_000, from_ms: 0 })
const ranked = (share: number): Ranks => ({ natr_14: rank(share) })

test.each([
  [0.001, 'is low', 'bottom 1%'],
  [0.05, 'is low', 'bottom 5%'],
  [0.2, 'is low', 'bottom 20%'],
  [0.21, 'is 100%', ''], // being usual is no reason
  [0.76, 'is 100%', ''],
  [0.8, 'is high', 'top 20%'],
  [0.97, 'is high', 'top 3%'],
  [1, 'is high', 'top 1%'],
])('a value is read by its rank: %s', (share, state, place) => {
  expect(stateText(driver('natr_14'), ranked(share))).toBe(state)
  expect(rankText(driver('natr_14'), ranked(share))).toBe(place)
})

test('a rank that is not known is not said', () => {
  expect(stateText(driver('natr_14', 0.000801), {})).toBe('is 0.0801%')
  expect(rankText(driver('natr_14'), {})).toBe('')
  expect(stateText(driver('natr_14', null), ranked(0.1))).toBe('is unknown')
  expect(rankText(driver('natr_14', null), ranked(0.1))).toBe('')
  expect(comparedText({}, 0)).toBe('')
})

test('what only points has a direction and no rank', () => {
  for (const feature of ['supertrend_direction', 'htf2_direction', 'ema_order']) {
    expect(isPointer(feature)).toBe(true)
    expect(rankText(driver(feature), { [feature]: rank(0.5) })).toBe('')
    expect(stateText(driver(feature, -1), {})).toBe('points down')
  }
})

test.each([
  ['log_return_60', -0.0011, '−0.11%'],
  ['htf3_log_return_1', 0.0123, '1.23%'],
  ['macd_histogram', 0.0000261, '0.00261%'],
  ['htf2_direction', 0, 'nowhere'],
  ['rsi_14', 50.8, '50.8'],
  ['regime_bull', 0.82, '82%'],
  ['sma_distance_50', null, '–'],
])('a value has its unit: %s', (feature, value, text) => {
  expect(featureText(feature, value)).toBe(text)
})

test('a probability of a regime is a share, and has no rank', () => {
  expect(stateText(driver('regime_bear', 1), {})).toBe('is 100%')
  expect(stateText(driver('regime_sideways', 0.0004), {})).toBe('is 0%')
  expect(stateText(driver('regime_bull', null), {})).toBe('is unknown')
  expect(rankText(driver('regime_bear', 1), {})).toBe('')
})

test('features have words on every timeframe, and an unknown one its name', () => {
  expect(wordsOf('rsi_14')).toBe('RSI, 14 bars')
  expect(wordsOf('htf3_adx_14')).toBe('strength of the trend, ADX, on bars 60 × as long')
  expect(wordsOf('regime_bear')).toBe('probability of a bear market')
  expect(wordsOf('some_new_one')).toBe('some new one')
})

test('a sentence says what speaks most for a signal and what against it', () => {
  const explanation = {
    explained_class: 'buy',
    positive: [driver('natr_14'), driver('supertrend_direction'), driver('rsi_7')],
    negative: [driver('funding_rate', 0.0003)],
  } as unknown as Explanation

  expect(sentenceOf(explanation, ranked(0.05))).toBe(
    'Buy, mostly because true range, 14 bars is low (bottom 5%) and Supertrend points up; against it, funding rate is 0.03%.',
  )
  expect(sentenceOf({ ...explanation, positive: [], negative: [] }, {})).toBe('Buy.')
  expect(comparedText(ranked(0.5), 5_000 * 60_000)).toBe('5,000 bars, 3.5 days')
})
