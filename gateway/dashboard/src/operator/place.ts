// What an address below `#/operator` names: one of its tabs.

import { OPERATOR, partsBelow, placeBelow } from '../lib/route'

export const TABS = [
  { tab: 'pipeline', name: 'Pipeline', place: OPERATOR },
  { tab: 'records', name: 'Records', place: placeBelow(OPERATOR, 'records') },
  { tab: 'access', name: 'Access and audit', place: placeBelow(OPERATOR, 'access') },
] as const

export type Tab = (typeof TABS)[number]['tab']

export function tabOf(hash: string): Tab {
  const [name] = partsBelow(OPERATOR, hash)
  return TABS.find(({ tab }) => tab === name)?.tab ?? 'pipeline'
}
