import { expect, test, vi } from 'vitest'

import { signal } from '../../testing/build'
import { markersOf } from './signalMarks'

vi.mock('../../lib/theme', () => ({ colour: (token: string) => token }))

test('only the beginning of a direction is marked', () => {
  const marks = markersOf([signal(1), signal(2), signal(3)], null)

  expect(marks.map(({ id }) => id)).toEqual(['BTCUSDT-1'])
})

test('a direction is marked again when it grows stronger, but not at once', () => {
  const grows = (minute: number) => markersOf([signal(1, { grade: 'B' }), signal(minute, { grade: 'A+' })], null).length

  expect(grows(2)).toBe(1)
  expect(grows(6)).toBe(2)
})

test('a direction that outlives its horizon is marked again', () => {
  expect(markersOf([signal(1), signal(16)], null)).toHaveLength(2)
})

test('the chosen signal is marked even where it repeats, and even when neutral', () => {
  const neutral = signal(3, { direction: 'neutral' })

  expect(markersOf([signal(1), signal(2)], 'BTCUSDT-2').map(({ color }) => color)).toEqual(['up', 'text'])
  expect(markersOf([neutral], neutral.signal_id)).toHaveLength(1)
  expect(markersOf([neutral], null)).toHaveLength(0)
})
