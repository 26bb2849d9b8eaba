import { expect, test } from 'vitest'

import type { JobSummary } from '../contract'
import { outcomeText, requestText } from './recentJob'

const job = (fields: Partial<JobSummary>) => ({ request: {}, outcome: null, error: null, ...fields }) as JobSummary

test('a job says what it was asked to do', () => {
  const grid = { indicator: 'bollinger_z', signal_type: 'momentum', window_range: { min: 10, max: 200, step: 5 } }
  const fixed = { indicator: 'rsi', signal_type: 'reversion', window: 20, signal: 0 }

  expect(requestText(job({ request: grid }))).toBe('bollinger z, momentum · window 10 to 200 by 5')
  expect(requestText(job({ request: fixed }))).toBe('rsi, reversion · window 20 · signal 0')
  expect(requestText(job({ request: { indicator: 'rsi', factors: [grid, fixed], combine: 'any' } }))).toBe(
    'bollinger z, momentum · window 10 to 200 by 5 or rsi, reversion · window 20 · signal 0',
  )
  expect(requestText(job({ request: { strategy: 'ema_cross', params: { fast: 5, slow: 40 } } }))).toBe(
    'ema cross · fast 5 · slow 40',
  )
  expect(requestText(job({ request: { strategy_name: 'ema_cross', n_trials: 6 } }))).toBe('ema cross')
})

test('a job says what came of it, or why nothing did', () => {
  const figures = { total_return: -0.123, sharpe_ratio: -0.84, best_value: null }
  const search = { ...figures, verdict: 'Nothing here: the best of 234 is luck.', params: { window: 20, signal: 0.5 } }

  expect(outcomeText(job({}))).toBe('')
  expect(outcomeText(job({ error: 'only 3 days' }))).toBe('only 3 days')
  expect(outcomeText(job({ outcome: { ...figures, verdict: null, params: null } }))).toBe('−12.3% · Sharpe −0.84')
  expect(outcomeText(job({ outcome: search }))).toBe(
    'Nothing here · best window 20 · signal 0.5 · −12.3% · Sharpe −0.84',
  )
})
