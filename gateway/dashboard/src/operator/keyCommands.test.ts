import { expect, test } from 'vitest'

import { createCommand, quoted, revokeCommand } from './keyCommands'

test('a command names all that was chosen', () => {
  expect(createCommand('prometheus', 'read', '90d')).toBe(
    'regimeflow keys create prometheus --scope read --expires 90d',
  )
  expect(createCommand('ci', 'admin', '')).toBe('regimeflow keys create ci --scope admin')
  expect(revokeCommand('0123456789')).toBe('regimeflow keys revoke 0123456789')
})

test.each([
  ['plain-word.1', 'plain-word.1'],
  ['two words', "'two words'"],
  ["it's", `'it'\\''s'`],
  ['$(rm -rf /)', "'$(rm -rf /)'"],
  ['--scope', "'--scope'"],
  ['', "''"],
])('no name leaves its quotes: %s', (word, text) => {
  expect(quoted(word)).toBe(text)
})
