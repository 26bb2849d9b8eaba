// What an address below `#/models` names: a version by its number.

import { MODELS, partsBelow, placeBelow } from '../lib/route'

/** Of the drawings that stand in a pair. */
export const PLOT_HEIGHT = 280

/** The number of the version that an address names; null: none is named. */
export function versionOf(hash: string): number | null {
  const [number] = partsBelow(MODELS, hash)
  return number !== undefined && /^\d+$/.test(number) ? Number(number) : null
}

export function linkToVersion(number: number): string {
  return placeBelow(MODELS, String(number))
}
