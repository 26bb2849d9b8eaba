import { expect, test } from 'vitest'

import { factText } from './facts'

test('facts about configs are sentences, others stand as they are', () => {
  expect(factText('configs.changes.v1: ensemble v2-1a2b3c4d ACTIVE').text).toBe('v2-1a2b3c4d becomes ACTIVE')
  expect(factText('configs.active.v1: ensemble v2-1a2b3c4d').text).toBe(
    'v2-1a2b3c4d is the config that ensemble runs by',
  )
  expect(factText('configs.effective.v1: ensemble v2-1a2b3c4d, 8 markets').text).toBe(
    'Signals of 8 markets follow v2-1a2b3c4d',
  )
  expect(factText('configs.effective.v1: ensemble v2-1a2b3c4d').text).toBe('Signals of 1 market follow v2-1a2b3c4d')
  expect(factText('drift.reports.v1: x')).toEqual({ text: 'x', topic: 'drift.reports.v1' })
  expect(factText('nothing')).toEqual({ text: 'nothing', topic: '' })
})
