// A link to a place in another scope. It turns the page without loading it again.

import type { ComponentPropsWithRef, MouseEvent } from 'react'

import { addressAt, goTo } from '../lib/address'
import type { ScopeChange } from '../lib/scope'

interface Props extends Omit<ComponentPropsWithRef<'a'>, 'href' | 'onClick'> {
  /** The place: what stands from `#` on. */
  to: string
  scope: ScopeChange
}

export function ScopeLink({ to, scope, ...props }: Props) {
  const turn = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    goTo(to, scope)
  }
  return <a href={addressAt(to, scope)} onClick={turn} {...props} />
}
