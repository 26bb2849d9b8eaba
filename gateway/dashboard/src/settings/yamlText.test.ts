import { expect, test } from 'vitest'

import { yamlText } from './yamlText'

test('a content is written in block style', () => {
  const content = {
    strategy: { name: 'ensemble', version: '1.0.0', entry_point: 'my.strategy:Mine' },
    decision: { grade_bands: [0.85, 0.75], confirmations: ['volume', 'entropy'], max_entropy: 0.9 },
    deployment: {},
  }

  expect(yamlText(content)).toBe(
    [
      'strategy:',
      '  name: ensemble',
      '  version: "1.0.0"',
      '  entry_point: "my.strategy:Mine"',
      'decision:',
      '  grade_bands:',
      '    - 0.85',
      '    - 0.75',
      '  confirmations:',
      '    - volume',
      '    - entropy',
      '  max_entropy: 0.9',
      'deployment: {}',
      '',
    ].join('\n'),
  )
})

test('what YAML would read as something else is quoted', () => {
  for (const text of ['true', 'no', '~', '1e3', '20240101', '', ' a', 'a: b', '- x', '#x', '${A:-b}', '*a', '&a'])
    expect(yamlText({ a: text })).toBe(`a: ${JSON.stringify(text)}\n`)
})
