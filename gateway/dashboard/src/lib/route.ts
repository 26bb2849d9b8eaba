// Addresses of the page: those of `PLACES` are pages of their own, everything else the signals.

export const SIGNALS = '#/'
export const RESEARCH = '#/research'
export const ANALYSIS = '#/analysis'
export const MODELS = '#/models'
export const SETTINGS = '#/settings'
export const OPERATOR = '#/operator'
const SYMBOL = '#/symbol/'

export type Page = 'signals' | 'analysis' | 'models' | 'research' | 'settings' | 'operator'

const PLACES: readonly (readonly [Page, string])[] = [
  ['research', RESEARCH],
  ['analysis', ANALYSIS],
  ['models', MODELS],
  ['settings', SETTINGS],
  ['operator', OPERATOR],
]

export function pageOf(hash: string): Page {
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

/** The market whose timeframes an address lays side by side; null when it names none. */
export function analysedSymbol(hash: string): string | null {
  const symbol = hash.startsWith(`${ANALYSIS}/`) ? hash.slice(ANALYSIS.length + 1) : ''
  return symbol === '' ? null : decoded(symbol)
}

export function linkToAnalysis(symbol: string): string {
  return `${ANALYSIS}/${encodeURIComponent(symbol)}`
}

/** The market whose signals an address asks for; null when it names none. */
export function listedSymbol(hash: string): string | null {
  const symbol = hash.startsWith(SYMBOL) ? hash.slice(SYMBOL.length) : ''
  return symbol === '' ? null : decoded(symbol)
}

export function linkToSignals(symbol: string): string {
  return SYMBOL + encodeURIComponent(symbol)
}
