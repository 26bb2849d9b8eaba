// What an address below `#/settings` names: a tab, a strategy, one of its versions.

import { partsBelow, placeBelow, SETTINGS } from '../lib/route'

export const NEW = 'new'
const EFFECTIVE = 'effective'
const CONFIGS = 'configs'

export interface Place {
  tab: 'configs' | 'effective'
  /** Null: none is named. */
  strategy: string | null
  /** A config id, or `new`; null: none is named. */
  version: string | null
}

export const EFFECTIVE_PLACE = placeBelow(SETTINGS, EFFECTIVE)

export function placeOf(hash: string): Place {
  const [tab, strategy, version] = partsBelow(SETTINGS, hash)
  if (tab === EFFECTIVE) return { tab: 'effective', strategy: null, version: null }
  return { tab: 'configs', strategy: strategy ?? null, version: version ?? null }
}

export function linkToStrategy(strategy: string): string {
  return placeBelow(SETTINGS, CONFIGS, strategy)
}

export function linkToVersion(strategy: string, version: string): string {
  return placeBelow(SETTINGS, CONFIGS, strategy, version)
}
