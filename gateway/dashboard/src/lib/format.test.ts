import { expect, test } from 'vitest'

import {
  ageText,
  amountText,
  barsText,
  closeText,
  countedText,
  durationText,
  percent,
  priceDigits,
  priceText,
  ratioText,
  signedPercent,
  sizeText,
  stampText,
  timeframeText,
  untilText,
  valueText,
} from './format'

test('an unknown number is a dash', () => {
  for (const text of [
    percent(null),
    signedPercent(undefined),
    priceText(null),
    ratioText(null),
    valueText(null),
    durationText(null),
  ])
    expect(text).toBe('–')
})

test('a size has three digits', () => {
  expect([12_345, 0.0532, 4_730_000, 0].map(sizeText)).toEqual(['12.3K', '0.0532', '4.73M', '0'])
})

test('a return carries its sign, and nothing is neither', () => {
  expect(signedPercent(0.0123)).toBe('+1.23%')
  expect(signedPercent(-0.5, 0)).toBe('−50%')
  expect(signedPercent(26.057, 1)).toBe('+2,605.7%')
  expect(signedPercent(-0.000001)).toBe('0.00%')
})

test('a price is read with decimals of its size', () => {
  expect(priceText(64_180)).toBe('64,180.0')
  expect(priceText(147.6)).toBe('147.60')
  expect(priceText(0.01234)).toBe('0.012340')
  expect(priceDigits(0)).toBe(8)
  expect(priceText(99.5, 64_180)).toBe('99.5')
})

test('a feature is short, and in exponents only when tiny', () => {
  expect(valueText(123.4)).toBe('123')
  expect(valueText(-1.234)).toBe('−1.23')
  expect([0, -1, 14_796].map(valueText)).toEqual(['0', '−1', '14,796'])
  expect(valueText(-0.00012)).toBe('−0.00012')
  expect(valueText(-0.00000012)).toBe('−1.2e−7')
})

test('times are UTC', () => {
  expect(closeText(Date.UTC(2026, 0, 2, 3, 4))).toBe('03:04')
  expect(stampText(Date.UTC(2026, 0, 2, 23, 59))).toBe('02 Jan 2026, 23:59 UTC')
})

test('the day of an end is said where it is another one', () => {
  const begin = Date.UTC(2026, 0, 2, 23, 45)
  expect(untilText(begin + 600_000, begin)).toBe('23:55 UTC')
  expect(untilText(begin + 3_600_000, begin)).toBe('03 Jan 2026, 00:45 UTC')
})

test('an age is in bars, whatever the speed', () => {
  expect(ageText(0.9)).toBe('now')
  expect(ageText(1.9)).toBe('1 bar')
  expect(ageText(12)).toBe('12 bars')
  expect(ageText(1_500)).toBe('1.5k bars')
  expect(barsText(4.25)).toBe('4.3 bars')
  expect(barsText(1_234.4)).toBe('1,234 bars')
})

test('spans of time take the unit that is read best', () => {
  expect(timeframeText(60_000)).toBe('1m')
  expect(timeframeText(4 * 3_600_000)).toBe('4h')
  expect(timeframeText(86_400_000)).toBe('1d')
  expect(durationText(999)).toBe('999 ms')
  expect(durationText(1_500)).toBe('1.5 s')
  expect(durationText(120_000)).toBe('2 min')
})

test('one thing is no plural', () => {
  expect([0, 1, 2_000].map((count) => countedText(count, 'day'))).toEqual(['0 days', '1 day', '2,000 days'])
})

test('an exact amount is told without the zeros at its end', () => {
  const told = ['-64180.50', '100', 1234.1234567, '1.5E-10', null].map(amountText)
  expect(told).toEqual(['−64,180.50', '100', '1,234.1234567', '1.5E-10', '–'])
})
