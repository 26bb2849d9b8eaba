// One state outside of React. Components that read a part of it are drawn again when it changes.

import { useSyncExternalStore } from 'react'

export interface Store<State> {
  get: () => State
  set: (state: State) => void
  /** Call a listener after each change; the answer ends that. */
  subscribe: (listener: () => void) => () => void
}

export function createStore<State>(initial: State): Store<State> {
  let state = initial
  const listeners = new Set<() => void>()
  return {
    get: () => state,
    set: (next) => {
      if (Object.is(next, state)) return
      state = next
      listeners.forEach((listener) => listener())
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Replace some fields of a store's state. */
export function update<State extends object>(store: Store<State>, fields: Partial<State>): void {
  store.set({ ...store.get(), ...fields })
}

/** Read one part of a store. `select` returns the same object until that part changes. */
export function useStore<State, Part>(store: Store<State>, select: (state: State) => Part): Part {
  return useSyncExternalStore(store.subscribe, () => select(store.get()))
}
