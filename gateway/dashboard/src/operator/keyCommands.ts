// Commands of a shell about API keys.

import type { Scope } from '../lib/access'

export function createCommand(name: string, scope: Scope, lasts: string): string {
  const until = lasts === '' ? '' : ` --expires ${lasts}`
  return `regimeflow keys create ${quoted(name)} --scope ${scope}${until}`
}

export function revokeCommand(keyId: string): string {
  return `regimeflow keys revoke ${keyId}`
}

/** A word as a shell takes it: in quotes unless it is plain. */
export function quoted(word: string): string {
  return /^[\w.@%+:,/][\w.@%+:,/-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
