// Colours of a value by its sign and size.

/** Blue above 0 and orange below, more of it the further from 0. */
export function tint(value: number | null | undefined, largest: number): string {
  if (value == null) return 'var(--heat-none)'
  const share = Math.min(Math.abs(value) / largest, 1) ** 0.8
  return `color-mix(in oklab, var(--${value < 0 ? 'down' : 'up'}) ${(share * 92).toFixed(1)}%, var(--heat-zero))`
}

/** The same, pale enough to read on. */
export function softTint(value: number, largest: number): string {
  return `color-mix(in oklab, ${tint(value, largest)} 30%, var(--panel))`
}
