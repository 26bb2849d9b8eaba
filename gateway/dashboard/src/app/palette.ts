// What the command palette offers, and which of it a text means.

export interface PaletteItem {
  name: string
  /** What it is, such as `Page`. */
  kind: string
  /** The key that does the same; empty: none. */
  keyName: string
  act: () => unknown
}

/** The items of which each word of a text begins a word; those whose name begins like it come first. */
export function matching(items: readonly PaletteItem[], text: string): readonly PaletteItem[] {
  const typed = text.trim().toLowerCase()
  const wanted = typed.split(/\s+/)
  const found = items.filter(({ name, kind }) => {
    const words = `${name} ${kind}`.toLowerCase().split(/\s+/)
    return wanted.every((part) => words.some((word) => word.startsWith(part)))
  })
  const starts = ({ name }: PaletteItem) => Number(!name.toLowerCase().startsWith(typed))
  return found.toSorted((a, b) => starts(a) - starts(b))
}
