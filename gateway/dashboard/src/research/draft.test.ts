import { expect, test } from 'vitest'

import { field, group } from '../testing/build'
import {
  bodyOf,
  combinationsOf,
  countOf,
  draftOf,
  emptyDraft,
  isAsked,
  linkOf,
  linkToTuning,
  requestOf,
  wayOf,
  addressOf,
  tuningOf,
  jobOf,
} from './draft'

const RANGE = { min: '10', max: '30', step: '10' }
const GROUPS = [
  group(
    field('symbol', 'text'),
    field('from_ms', 'time', { nullable: true }),
    field('fee_bps', 'number', { default: 5 }),
    field('funding', 'flag', { default: true }),
    field('window_range', 'range'),
    field('strategy', 'text', { nullable: true }),
  ),
]

test('an untouched form asks for the defaults of the schema', () => {
  expect(bodyOf(GROUPS, emptyDraft(GROUPS))).toEqual({ fee_bps: 5, funding: true })
})

test('what is no number goes as it was typed, for the gateway to refuse', () => {
  const draft = { ...emptyDraft(GROUPS), fee_bps: 'five', window_range: { ...RANGE, step: 'none' } }

  expect(bodyOf(GROUPS, draft)).toMatchObject({ fee_bps: 'five', window_range: { min: 10, max: 30, step: 'none' } })
})

test('a time is UTC', () => {
  const draft = { ...emptyDraft(GROUPS), from_ms: '2026-01-02T03:04' }

  expect(bodyOf(GROUPS, draft)['from_ms']).toBe(Date.UTC(2026, 0, 2, 3, 4))
})

test('a request stands in the form and comes out of it as it was', () => {
  const body = {
    symbol: 'BTCUSDT',
    from_ms: Date.UTC(2026, 0, 1),
    fee_bps: 3,
    funding: false,
    window_range: { min: 10, max: 30, step: 10 },
  }

  expect(bodyOf(GROUPS, draftOf(GROUPS[0]!.fields, body))).toEqual(body)
})

const EXITS = field('exits', 'part', {
  nullable: true,
  items: [field('stoploss', 'number', { nullable: true }), field('minimal_roi', 'table')],
})

test('a part of a request comes out of the form as it was, and an empty one not at all', () => {
  const groups = [group(EXITS)]
  const body = { exits: { stoploss: -0.05, minimal_roi: { '0': 0.04, '240': 0.02 } } }

  expect(bodyOf(groups, draftOf([EXITS], body))).toEqual(body)
  expect(bodyOf(groups, emptyDraft(groups))).toEqual({})
  expect(requestOf(linkOf('performance', body))?.body).toEqual(body)
})

test('a row of a table without a number goes as it was typed', () => {
  const draft = { exits: { stoploss: '', minimal_roi: '0: 0.04, 60, x: y' } }

  expect(bodyOf([group(EXITS)], draft)).toEqual({ exits: { minimal_roi: { '0': 0.04, '60': '', x: 'y' } } })
})

test('a strategy asks for its own fields, and not for a factor', () => {
  expect(wayOf({ strategy: 'ema_cross' })).toBe('strategy')
  expect(isAsked(field('window_range', 'range'), { strategy: 'ema_cross' })).toBe(false)
  expect(isAsked(field('space', 'ranges'), { strategy: 'ema_cross' })).toBe(true)
  expect(isAsked(field('seed', 'number'), { sampler: 'grid' })).toBe(false)
})

test('a range counts both of its ends', () => {
  expect(countOf(RANGE)).toBe(3)
  expect(countOf({ min: '0.5', max: '2.5', step: '0.25' })).toBe(9)
  expect(countOf({ min: '0', max: '0.3', step: '0.1' })).toBe(4)
})

test('a range that is none has no count', () => {
  for (const range of [
    { ...RANGE, min: '' },
    { ...RANGE, step: '0' },
    { ...RANGE, max: '5' },
    { ...RANGE, max: 'x' },
  ])
    expect(countOf(range)).toBeNull()
})

test('combinations are the product of the ranges, and of every factor', () => {
  const factor = { window_range: RANGE, signal_range: { min: '1', max: '2', step: '1' } }

  expect(combinationsOf({ sampler: 'grid', ...factor })).toBe(6)
  expect(combinationsOf({ sampler: 'grid', mode: 'multi', factors: [factor, factor] })).toBe(36)
  expect(combinationsOf({ sampler: 'grid', ...factor, window_range: { ...RANGE, step: '' } })).toBeNull()
})

test('a sampler tries as many as its number of trials', () => {
  expect(combinationsOf({ sampler: 'tpe', n_trials: '50', window_range: RANGE })).toBe(50)
})

test('a link holds a whole request and gives it back', () => {
  const body = {
    symbol: 'BTCUSDT',
    window_range: { min: 10, max: 30, step: 10 },
    funding: false,
    factors: [{ indicator: 'rsi' }],
    kind: 'optimize',
    seed: null,
  }

  const link = linkOf('optimize', body)

  expect(link).toContain('window_range=10,30,10')
  expect(requestOf(link)).toEqual({
    kind: 'optimize',
    body: { symbol: 'BTCUSDT', window_range: [10, 30, 10], funding: false, factors: [{ indicator: 'rsi' }] },
  })
})

test('the address of a run names its job beside the request', () => {
  const address = addressOf('performance', { symbol: 'BTCUSDT', trial_of: null }, 'a b&c')

  expect(jobOf(address)).toBe('a b&c')
  expect(requestOf(address)).toEqual({ kind: 'performance', body: { symbol: 'BTCUSDT' } })
  expect(jobOf(linkOf('performance', { symbol: 'BTCUSDT' }))).toBeNull()
  expect(jobOf('#/research')).toBeNull()
})

test('an address that asks for nothing is no request', () => {
  expect(requestOf('#/research')).toBeNull()
  expect(requestOf('#/research/optimize')).toBeNull()
  expect(requestOf('#/research/unknown?symbol=BTCUSDT')).toBeNull()
})

test('what somebody broke in a link stays as it is written', () => {
  expect(requestOf('#/research/optimize?factors=[{&symbol=')?.body).toEqual({ factors: '[{', symbol: '' })
})

test('a search of hyperopt comes back from its link, and is no request of the form', () => {
  expect(tuningOf(linkToTuning('a/b'))).toBe('a/b')
  expect(requestOf(linkToTuning('a'))).toBeNull()
  expect(tuningOf('#/research/optimize?symbol=BTCUSDT')).toBeNull()
})
