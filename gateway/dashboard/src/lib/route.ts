// Which page is shown: `#/research...` is the research page, everything else the signals.

import { useSyncExternalStore } from 'react'

export const SIGNALS = '#/'
export const RESEARCH = '#/research'

export type Page = 'signals' | 'research'

function page(): Page {
  return location.hash.startsWith(RESEARCH) ? 'research' : 'signals'
}

/** The signal that the address names; null when it names none. */
export function signalOfHash(): string | null {
  const named = location.hash.slice(1)
  return named === '' || named.startsWith('/') ? null : named
}

export function usePage(): Page {
  return useSyncExternalStore((listener) => {
    addEventListener('hashchange', listener)
    return () => removeEventListener('hashchange', listener)
  }, page)
}
