// Addresses of the page: those of `PLACES` are pages of their own, none is what goes on now, any other a signal.

export const NOW = '#/now'
export const SIGNALS = '#/signals'
export const RESEARCH = '#/research'
export const ANALYSIS = '#/analysis'
export const MODELS = '#/models'
export const PERFORMANCE = '#/performance'
export const CHALLENGES = '#/challenges'
export const SETTINGS = '#/settings'
export const OPERATOR = '#/operator'

export type Page =
  'now' | 'signals' | 'analysis' | 'performance' | 'models' | 'challenges' | 'research' | 'settings' | 'operator'

const PLACES: readonly (readonly [Page, string])[] = [
  ['now', NOW],
  ['research', RESEARCH],
  ['analysis', ANALYSIS],
  ['performance', PERFORMANCE],
  ['models', MODELS],
  ['challenges', CHALLENGES],
  ['settings', SETTINGS],
  ['operator', OPERATOR],
]

/** An address as its page is called: the journal is a part of what was earned. */
export function canonical(hash: string): string {
  return hash.replace(/^#\/journal(?=\/|$)/, `${PERFORMANCE}/journal`)
}

export function pageOf(hash: string): Page {
  if (['', '#', '#/'].includes(hash)) return 'now'
  return PLACES.find(([, place]) => hash.startsWith(place))?.[0] ?? 'signals'
}

/** The parts of an address below a page, such as `v1-1a2b3c4d` of `#/settings/v1-1a2b3c4d`. */
export function partsBelow(page: string, hash: string): readonly string[] {
  if (!hash.startsWith(`${page}/`)) return []
  return hash
    .slice(page.length + 1)
    .split('/')
    .filter((part) => part !== '')
    .map(decoded)
}

/** The address of a place below a page. */
export function placeBelow(page: string, ...parts: readonly string[]): string {
  return [page, ...parts.map(encodeURIComponent)].join('/')
}

/** The signal that an address names; null when it names none. */
export function signalOf(hash: string): string | null {
  const signalId = hash.slice(1)
  return signalId === '' || signalId.startsWith('/') ? null : decoded(signalId)
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name // no encoding: it stands as it was typed
  }
}

export function linkToSignal(signalId: string): string {
  return `#${encodeURIComponent(signalId)}`
}

export function linkToIdea(ideaId: string): string {
  return placeBelow(NOW, ideaId)
}

/** A trade of the journal. */
export function linkToTrade(tradeId: string): string {
  return placeBelow(PERFORMANCE, 'journal', 'trade', tradeId)
}

/** The form of the journal, filled from a signal or an idea. */
export function linkToJournalForm(kind: 'signal' | 'idea', id: string): string {
  return placeBelow(PERFORMANCE, 'journal', 'new', kind, id)
}
