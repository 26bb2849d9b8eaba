import { expect, test } from 'vitest'

import type { SequenceView } from '../contract'
import { gainText, waitText } from './words'

test('a gain stands on the scale of its basis, with its sign', () => {
  expect(gainText(0.00123, 'log_loss')).toBe('+0.0012')
  expect(gainText(-0.00123, 'trades')).toBe('−0.123%')
  expect(gainText(0, 'log_loss')).toBe('0')
  expect(gainText(null, 'trades')).toBe('–')
})

test('how long it still takes is told only while it runs and can be known', () => {
  const at = (fields: Partial<SequenceView>) =>
    ({ more_bars: null, more_trades: null, blocks: 3, ...fields }) as SequenceView

  expect(waitText(at({ more_bars: 1400 }), 'active').value).toContain('1,400 more bars')
  expect(waitText(at({ more_trades: 90 }), 'active').value).toContain('90 more trades')
  expect(waitText(at({ blocks: 0 }), 'active').value).toContain('first block')
  expect(waitText(at({}), 'active').value).toContain('too early')
  expect(waitText(at({ more_bars: 1400 }), 'cancelled').value).toBe('it has ended')
})
