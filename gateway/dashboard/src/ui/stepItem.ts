// The list at the side of a page, walked by keys.

/** Open the item that stands so many places below the shown one, or the last or first of them. */
export function stepItem(by: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('#versions a')]
  const at = links.findIndex((link) => link.ariaCurrent === 'true')
  links[Math.min(Math.max(at + by, 0), links.length - 1)]?.click()
}
