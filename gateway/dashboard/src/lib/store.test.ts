import { expect, test, vi } from 'vitest'

import { createStore, update } from './store'

test('listeners are called after a change, with the new state in place', () => {
  const store = createStore({ count: 1, name: 'a' })
  const seen: number[] = []
  store.subscribe(() => seen.push(store.get().count))

  update(store, { count: 2 })

  expect(seen).toEqual([2])
  expect(store.get()).toEqual({ count: 2, name: 'a' })
})

test('setting the same state calls nobody', () => {
  const store = createStore('dark')
  const listener = vi.fn()
  store.subscribe(listener)

  store.set('dark')

  expect(listener).not.toHaveBeenCalled()
})

test('a listener that has left is not called', () => {
  const store = createStore(0)
  const [stays, leaves] = [vi.fn(), vi.fn()]
  store.subscribe(stays)
  const leave = store.subscribe(leaves)

  leave()
  store.set(1)

  expect(stays).toHaveBeenCalledTimes(1)
  expect(leaves).not.toHaveBeenCalled()
})

test('an update leaves the state before it as it was', () => {
  const store = createStore({ count: 1 })
  const before = store.get()

  update(store, { count: 2 })

  expect(before).toEqual({ count: 1 })
})
