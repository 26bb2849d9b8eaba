// Which signal is read. Every entry of the history holds its choice: Back returns to the one before.

import { linkToSignal, SIGNALS, signalOf } from '../lib/route'
import { createStore, useStore } from '../lib/store'

export interface Choice {
  signalId: string | null
  /** On a narrow page: the signal is in sight, not the list. */
  isOpen: boolean
  /** Reached by walking the list with keys: a walk is one entry of the history. */
  isWalk?: boolean
}

const choice = createStore(fromAddress())
addEventListener('hashchange', () => choice.set((history.state as Choice | null) ?? fromAddress()))

function fromAddress(): Choice {
  const signalId = signalOf(location.hash)
  return { signalId, isOpen: signalId !== null }
}

/** Open a signal. */
export function open(signalId: string): void {
  push({ signalId, isOpen: true }, linkToSignal(signalId))
}

/** Go to a signal on a walk through the list. */
export function walk(signalId: string): void {
  const { isOpen, isWalk } = choice.get()
  const next = { signalId, isOpen, isWalk: true }
  if (isWalk) replace(next, linkToSignal(signalId))
  else push(next, linkToSignal(signalId))
}

/** Look at a signal that nobody named; the address stays without a name. */
export function look(signalId: string | null): void {
  replace({ signalId, isOpen: false }, SIGNALS)
}

/** Turn to the newest signal of another list. */
export function turnTo(signalId: string | null): void {
  push({ signalId, isOpen: false }, SIGNALS)
}

/** Go on with the signal in sight, or with the list, on a narrow page. */
export function setOpen(isOpen: boolean): void {
  const { signalId } = choice.get()
  if (signalId === null) return
  push({ signalId, isOpen }, isOpen ? linkToSignal(signalId) : SIGNALS)
}

function push(next: Choice, address: string): void {
  history.pushState(next, '', address)
  choice.set(next)
}

function replace(next: Choice, address: string): void {
  history.replaceState(next, '', address)
  choice.set(next)
}

export function useChoice(): Choice {
  return useStore(choice, (current) => current)
}
