import { expect, test } from 'vitest'

import { chartKeys, movedRange } from './chartMoves'

const COUNT = 200
const AT_END = { from: 105, to: 205 }
const IN_PAST = { from: 40, to: 90 }

test('nearer and further keep the newest bar in its place, and the middle of the past', () => {
  const near = movedRange(AT_END, 'nearer', COUNT)
  expect((199 - near.from) / (near.to - near.from)).toBeCloseTo(0.94)
  expect(near.to - near.from).toBeCloseTo(80)

  expect(movedRange(IN_PAST, 'nearer', COUNT)).toEqual({ from: 45, to: 85 })
  expect(movedRange({ from: 45, to: 85 }, 'further', COUNT)).toEqual(IN_PAST)
})

test('no move comes nearer than a dozen bars', () => {
  let range = IN_PAST
  for (let press = 0; press < 30; press++) range = movedRange(range, 'nearer', COUNT)
  expect(range.to - range.from).toBeCloseTo(12)
})

test('back and on go by a quarter, and leave some bars in sight at either end', () => {
  expect(movedRange(IN_PAST, 'back', COUNT)).toEqual({ from: 27.5, to: 77.5 })
  expect(movedRange(IN_PAST, 'on', COUNT)).toEqual({ from: 52.5, to: 102.5 })

  let [left, right] = [IN_PAST, IN_PAST]
  for (let press = 0; press < 30; press++) {
    left = movedRange(left, 'back', COUNT)
    right = movedRange(right, 'on', COUNT)
  }
  expect(left).toEqual({ from: -38, to: 12 })
  expect(right).toEqual({ from: 187, to: 237 })
})

test('a chart of a few bars does not jump', () => {
  expect(movedRange({ from: -90, to: 9 }, 'back', 4)).toEqual({ from: -90, to: 9 })
})

test('all shows every bar and the room after them', () => {
  expect(movedRange(IN_PAST, 'all', COUNT)).toEqual({ from: -0.5, to: 205 })
})

test('every key of the table is a move', () => {
  const moves: string[] = []
  for (const { keys, act } of chartKeys((move) => moves.push(move))) keys.forEach((key) => act?.(key))
  expect(moves).toEqual(['nearer', 'further', 'back', 'on', 'all', 'home'])
  expect(chartKeys().every(({ act }) => act === undefined)).toBe(true)
})
