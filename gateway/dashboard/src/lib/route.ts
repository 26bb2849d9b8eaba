// Addresses of the page: `#/research...` and `#/analysis...` are pages of their own, everything else the signals.

export const SIGNALS = '#/'
export const RESEARCH = '#/research'
export const ANALYSIS = '#/analysis'
const SYMBOL = '#/symbol/'

export type Page = 'signals' | 'analysis' | 'research'

export function pageOf(hash: string): Page {
  if (hash.startsWith(RESEARCH)) return 'research'
  return hash.startsWith(ANALYSIS) ? 'analysis' : 'signals'
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
