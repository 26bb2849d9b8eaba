// Which signal is read. Every entry of the history holds its choice: Back returns to the one before.

import { useMemo } from 'react'

import { type Address, currentAddress, goTo, push, replace, useAddress } from '../lib/address'
import { linkToSignal, SIGNALS, signalOf } from '../lib/route'
import type { ScopeChange } from '../lib/scope'

export interface Choice {
  signalId: string | null
  /** On a narrow page: the signal is in sight, not the list. */
  isOpen: boolean
  /** Reached by walking the list with keys: a walk is one entry of the history. */
  isWalk?: boolean
}

function choiceOf({ hash, entry }: Address): Choice {
  const signalId = signalOf(hash)
  return (entry as Choice | null) ?? { signalId, isOpen: signalId !== null }
}

/** Open a signal. */
export function open(signalId: string): void {
  push(linkToSignal(signalId), { signalId, isOpen: true } satisfies Choice)
}

/** Go to a signal on a walk through the list. */
export function walk(signalId: string): void {
  const { isOpen, isWalk } = choiceOf(currentAddress())
  const next: Choice = { signalId, isOpen, isWalk: true }
  if (isWalk) replace(linkToSignal(signalId), next)
  else push(linkToSignal(signalId), next)
}

/** Look at a signal that nobody named; the address stays without a name. */
export function look(signalId: string | null): void {
  replace(SIGNALS, { signalId, isOpen: false } satisfies Choice)
}

/** Turn to the newest signal of another list. */
export function turnTo(scope: ScopeChange, signalId: string | null): void {
  goTo(SIGNALS, scope, { signalId, isOpen: false } satisfies Choice)
}

/** Go on with the signal in sight, or with the list, on a narrow page. */
export function setOpen(isOpen: boolean): void {
  const { signalId } = choiceOf(currentAddress())
  if (signalId === null) return
  push(isOpen ? linkToSignal(signalId) : SIGNALS, { signalId, isOpen } satisfies Choice)
}

export function useChoice(): Choice {
  const address = useAddress((current) => current)
  return useMemo(() => choiceOf(address), [address])
}
