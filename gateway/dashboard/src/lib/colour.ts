// Colours as a canvas takes them.

/** The same colour, see-through. */
export function faded(rgb: string, alpha: number): string {
  return rgb.replace(/rgba?\((\d+),\s*(\d+),\s*(\d+).*\)/, `rgba($1, $2, $3, ${alpha})`)
}
