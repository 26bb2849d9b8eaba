import { expect, test } from 'vitest'

import { faultOf } from './faults'

test.each([
  ['strategy.timeframe: got "7m", expected one of 1m, 3m', 'strategy.timeframe', '"7m"', 'expected one of 1m, 3m'],
  ['strategy.name: got "a, b", expected "x"', 'strategy.name', '"a, b"', 'expected "x"'],
  ['decision.grade_bands: got [0.1, 0.2, 0.3], falls', 'decision.grade_bands', '[0.1, 0.2, 0.3]', 'falls'],
  [
    'deployment.ecs.cpu: got 12.5, Input should be an integer',
    'deployment.ecs.cpu',
    '12.5',
    'Input should be an integer',
  ],
  ['x: unknown key', 'x', null, 'unknown key'],
  [
    'config: no YAML: mapping values are not allowed here',
    'config',
    null,
    'no YAML: mapping values are not allowed here',
  ],
  ['give exactly one of both', 'config', null, 'give exactly one of both'],
])('%s', (text, path, got, expectation) => {
  expect(faultOf(text)).toEqual({ path, got, expectation })
})
