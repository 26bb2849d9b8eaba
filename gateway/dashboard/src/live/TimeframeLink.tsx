// A link to a place at a timeframe. It turns the page without loading it again.

import type { ComponentPropsWithRef, MouseEvent } from 'react'

import { addressAt, goTo } from '../lib/address'
import type { Timeframe } from '../lib/timeframe'

interface Props extends Omit<ComponentPropsWithRef<'a'>, 'href' | 'onClick'> {
  /** The place: what stands from `#` on. */
  to: string
  timeframe: Timeframe
}

export function TimeframeLink({ to, timeframe, ...props }: Props) {
  const turn = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    goTo(to, timeframe)
  }
  return <a href={addressAt(to, timeframe)} onClick={turn} {...props} />
}
