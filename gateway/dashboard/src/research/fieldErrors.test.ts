import { expect, test } from 'vitest'

import { ApiError } from '../lib/api'
import { field, group } from '../testing/build'
import { errorAt, fieldErrorsOf, isOfRequest } from './fieldErrors'

const GROUPS = [group(field('symbol', 'text'), field('window_range', 'range'), field('train_bars', 'number'))]

function errorsOf(message: string) {
  return fieldErrorsOf(new ApiError(message, 400, 'id'), GROUPS, {})
}

test('each part stands at the field that it begins with', () => {
  const errors = errorsOf('window_range: max 60 is below min 90; train_bars: too few')

  expect(errorAt(errors, 'window_range')).toBe('max 60 is below min 90')
  expect(errorAt(errors, 'train_bars')).toBe('too few')
  expect(errors.rest).toEqual([])
})

test('an error inside a field names the part of it', () => {
  expect(errorAt(errorsOf('window_range.step: Input should be a number'), 'window_range')).toBe(
    'step: Input should be a number',
  )
})

test('a sentence that mentions a field stands there', () => {
  expect(errorAt(errorsOf('with train_bars 60 there are too few windows'), 'train_bars')).toContain('too few windows')
})

test('what names no field is set apart', () => {
  expect(errorsOf('body: the bars cover 2 days').rest).toEqual(['the bars cover 2 days'])
})

test('a semicolon inside a sentence does not cut it', () => {
  expect(errorAt(errorsOf('train_bars: too few; give more'), 'train_bars')).toBe('too few; give more')
})

test('only refusals of the request are about the form', () => {
  expect(isOfRequest(new ApiError('bad', 400, 'id'))).toBe(true)
  expect(isOfRequest(new ApiError('ended', 0, 'none', 'job-1'))).toBe(true)
  expect(isOfRequest(new ApiError('no answer', 0, 'none'))).toBe(false)
  expect(isOfRequest(null)).toBe(false)
})
