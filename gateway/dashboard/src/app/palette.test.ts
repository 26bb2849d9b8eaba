import { expect, test } from 'vitest'

import { matching, type PaletteItem } from './palette'

const item = (name: string, kind: string): PaletteItem => ({ name, kind, keyName: '', act: () => undefined })
const ITEMS = [
  item('BTCUSDT', 'Market'),
  item('Models', 'Page'),
  item('Dark or light', 'Key'),
  item('Performance', 'Page'),
]
const names = (text: string) => matching(ITEMS, text).map(({ name }) => name)

test('an empty text means everything, in its order', () => {
  expect(names(' ')).toEqual(ITEMS.map(({ name }) => name))
})

test('each word begins a word of the name or its kind, in any order and case', () => {
  expect(names('btc')).toEqual(['BTCUSDT'])
  expect(names('LIGHT da')).toEqual(['Dark or light'])
  expect(names('page')).toEqual(['Models', 'Performance'])
  expect(names('usdt')).toEqual([])
})

test('what begins like the text comes first', () => {
  expect(names('p')).toEqual(['Performance', 'Models'])
})
