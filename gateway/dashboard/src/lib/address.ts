// Where the page is: address and entry of the history as one value, so that its parts never disagree.

import { createStore, useStore } from './store'
import { searchFor, type Timeframe, timeframeOf } from './timeframe'

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

/** Address of a place at a timeframe, for a link. */
export function addressAt(hash: string, timeframe: Timeframe): string {
  return location.pathname + searchFor(location.search, timeframe) + hash
}

/** Go to a place at a timeframe. */
export function goTo(hash: string, timeframe: Timeframe, entry: unknown = null): void {
  push(hash, entry, searchFor(location.search, timeframe))
}

/** Name another timeframe in the same entry of the history. */
export function renameTimeframe(timeframe: Timeframe): void {
  replace(location.hash, history.state, searchFor(location.search, timeframe))
}

export function useNamedTimeframe(): string | null {
  return useAddress(({ search }) => timeframeOf(search))
}
