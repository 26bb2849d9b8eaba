// Where the page is: address and entry of the history as one value, so that its parts never disagree.

import { canonical } from './route'
import { type ScopeChange, searchAfter, type Span, spanOf, symbolOf } from './scope'
import { createStore, useStore } from './store'
import { timeframeOf } from './timeframe'

export interface Address {
  /** What stands between `?` and `#`: every link of the page keeps it. */
  search: string
  hash: string
  /** What this page put into the entry of the history; null in one that a link made. */
  entry: unknown
}

// A visit begins with what its address names: an entry may hold what an earlier visit looked at.
const address = createStore<Address>({ ...current(), entry: null })
for (const event of ['popstate', 'hashchange']) addEventListener(event, () => address.set(current()))

function current(): Address {
  const hash = canonical(location.hash)
  if (hash !== location.hash) history.replaceState(history.state, '', location.pathname + location.search + hash)
  return { search: location.search, hash: location.hash, entry: history.state }
}

/** Go to a place of this page; Back returns to the one before. */
export function push(hash: string, entry: unknown = null, search: string = location.search): void {
  history.pushState(entry, '', location.pathname + search + hash)
  address.set(current())
}

/** Be at another place, in the same entry of the history. */
export function replace(hash: string, entry: unknown = null, search: string = location.search): void {
  history.replaceState(entry, '', location.pathname + search + hash)
  address.set(current())
}

export function useAddress<Part>(select: (address: Address) => Part): Part {
  return useStore(address, select)
}

export function currentAddress(): Address {
  return address.get()
}

/** Address of a place in another scope, for a link. */
export function addressAt(hash: string, scope: ScopeChange): string {
  return location.pathname + searchAfter(location.search, scope) + hash
}

/** Go to a place in another scope. */
export function goTo(hash: string, scope: ScopeChange, entry: unknown = null): void {
  push(hash, entry, searchAfter(location.search, scope))
}

/** Look at another scope in the same entry of the history. */
export function rescope(scope: ScopeChange): void {
  replace(location.hash, address.get().entry, searchAfter(location.search, scope))
}

export function useNamedTimeframe(): string | null {
  return useAddress(({ search }) => timeframeOf(search))
}

/** The market that is looked at; null: all of them. */
export function useSymbol(): string | null {
  return useAddress(({ search }) => symbolOf(search))
}

/** The span that is looked at; null: all there is. */
export function useSpan(): Span | null {
  return useAddress(({ search }) => spanOf(search))
}
