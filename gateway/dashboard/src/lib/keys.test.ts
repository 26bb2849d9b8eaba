import { expect, test } from 'vitest'

import { bindingOf, type KeyBinding, type KeyPress, labelsOf } from './keys'

const act = () => undefined
const TABLE: readonly KeyBinding[] = [
  { keys: ['j', 'ArrowDown'], meaning: 'Next', act },
  { keys: ['Ctrl+Enter'], meaning: 'Run', act, always: true },
  { keys: ['Escape'], meaning: 'Cancel', act, always: true },
  { keys: ['ArrowLeft'], meaning: 'A chart reads it' },
  { keys: ['ArrowRight'], meaning: 'On', act },
  { keys: ['?'], meaning: 'Help', act },
]

function meaningOf(key: string, press: Partial<KeyPress> = {}): string | undefined {
  const where = { control: false, alt: false, typing: false, onList: true }
  return bindingOf({ key, ...where, ...press }, TABLE)?.meaning
}

test('each key of a row triggers it', () => {
  expect(meaningOf('j')).toBe('Next')
  expect(meaningOf('ArrowDown')).toBe('Next')
})

test('letters rest while someone types', () => {
  expect(meaningOf('j', { typing: true })).toBeUndefined()
  expect(meaningOf('?', { typing: true })).toBeUndefined()
})

test('a key that always works does so while someone types', () => {
  expect(meaningOf('Escape', { typing: true })).toBe('Cancel')
  expect(meaningOf('Enter', { control: true, typing: true })).toBe('Run')
})

test('arrows are left to whatever scrolls, letters are not', () => {
  expect(meaningOf('ArrowDown', { onList: false })).toBeUndefined()
  expect(meaningOf('ArrowRight', { onList: false })).toBeUndefined()
  expect(meaningOf('j', { onList: false })).toBe('Next')
})

test('with Control or Alt a letter belongs to the browser', () => {
  expect(meaningOf('j', { control: true })).toBeUndefined()
  expect(meaningOf('j', { alt: true })).toBeUndefined()
})

test('Enter without Control is not Ctrl+Enter', () => {
  expect(meaningOf('Enter')).toBeUndefined()
})

test('a row without an act only explains', () => {
  expect(meaningOf('ArrowLeft')).toBeUndefined()
})

test('labels are what stands on the keys', () => {
  expect(labelsOf('ArrowDown')).toEqual(['↓'])
  expect(labelsOf('Ctrl+Enter')).toEqual(['Ctrl', '↵'])
  expect(labelsOf('j')).toEqual(['j'])
})
