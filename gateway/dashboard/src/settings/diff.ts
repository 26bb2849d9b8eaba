// Two contents of a config, key by key.

export type Content = Readonly<Record<string, unknown>>

export interface DiffRow {
  /** Dotted, such as `decision.max_entropy`. */
  key: string
  /** As text; null: that content does not say it. */
  was: string | null
  is: string | null
  change: 'added' | 'removed' | 'changed' | 'same'
}

/** A content's values by dotted key, in the content's order. A list is one value, an empty mapping too. */
export function flatten(content: Content, prefix = ''): ReadonlyMap<string, string> {
  const flat = new Map<string, string>()
  for (const [name, value] of Object.entries(content)) {
    const key = `${prefix}${name}`
    if (isMapping(value) && Object.keys(value).length > 0)
      for (const [inner, text] of flatten(value, `${key}.`)) flat.set(inner, text)
    else flat.set(key, valueText(value))
  }
  return flat
}

/** Every key of either content, in the order of the alphabet. */
export function diffOf(older: Content, newer: Content): readonly DiffRow[] {
  const [was, is] = [flatten(older), flatten(newer)]
  const keys = [...new Set([...is.keys(), ...was.keys()])].sort()
  return keys.map((key) => {
    const [before, after] = [was.get(key) ?? null, is.get(key) ?? null]
    const change = before === after ? 'same' : before === null ? 'added' : after === null ? 'removed' : 'changed'
    return { key, was: before, is: after, change }
  })
}

/** A value as a person writes it: without brackets and quotes where they say nothing. */
function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : value.map(valueText).join(', ')
  const isWord = typeof value === 'string' && !/^$|^\s|\s$|^[-+.\d]+$|^(true|false|null)$|[,[{"]/.test(value)
  return isWord ? value : JSON.stringify(value)
}

export function isMapping(value: unknown): value is Content {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
