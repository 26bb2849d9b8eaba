import { expect, test } from 'vitest'

import type { GateFigure } from '../contract'
import { gateDetail } from './words'

const figure = (name: string, verdict: GateFigure['verdict'], required: boolean): GateFigure =>
  ({ name, verdict, required }) as GateFigure

test('a gate names what fell short in words, and says whether that decides', () => {
  const figures = [figure('log_loss', 'passed', true), figure('sharpe_ratio', 'failed', false)]
  const detail = 'failed: sharpe_ratio'
  expect(gateDetail({ detail, figures })).toBe('short of, which decides nothing: sharpe ratio')
  const decisive = [...figures, figure('win_rate', 'failed', true)]
  expect(gateDetail({ detail, figures: decisive })).toBe('failed: sharpe ratio, win rate')
  expect(gateDetail({ detail: 'nothing failed', figures: figures.slice(0, 1) })).toBe('nothing failed')
  expect(gateDetail({ detail: 'qualified; compared with no champion', figures })).toBe(
    'qualified; compared with no champion',
  )
})
