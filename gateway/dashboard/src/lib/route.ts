// Addresses of the page: `#/research...` is the research page, everything else the signals.

export const SIGNALS = '#/'
export const RESEARCH = '#/research'

export type Page = 'signals' | 'research'

export function pageOf(hash: string): Page {
  return hash.startsWith(RESEARCH) ? 'research' : 'signals'
}

/** The signal that an address names; null when it names none. */
export function signalOf(hash: string): string | null {
  const signalId = hash.slice(1)
  if (signalId === '' || signalId.startsWith('/')) return null
  try {
    return decodeURIComponent(signalId)
  } catch {
    return signalId // no encoding: it stands as it was typed
  }
}

export function linkToSignal(signalId: string): string {
  return `#${encodeURIComponent(signalId)}`
}
