// Tells screen readers of new signals, at most every five seconds.

import { useEffect, useEffectEvent, useRef, useState } from 'react'

import { WORD } from '../lib/signal'
import { type Filter, passes } from '../live/filter'
import { liveStore } from '../live/LiveStore'

const EVERY_MS = 5_000

export function SignalAnnouncer({ filter }: { filter: Filter }) {
  const [text, setText] = useState('')
  const lastId = useRef<string | null>(null)
  const announce = useEffectEvent(() => {
    const { newSignals } = liveStore.state.get()
    const from = newSignals.findIndex((signal) => signal.signal_id === lastId.current) + 1
    lastId.current = newSignals.at(-1)?.signal_id ?? null
    const shown = newSignals.slice(from).filter((signal) => passes(filter, signal))
    const last = shown.at(-1)
    if (last === undefined) return
    const newest = `${last.symbol} ${WORD[last.direction]}, grade ${last.grade}`
    setText(shown.length === 1 ? `New signal: ${newest}` : `${shown.length} new signals, the last ${newest}`)
  })
  useEffect(() => {
    const pulse = setInterval(() => announce(), EVERY_MS)
    return () => clearInterval(pulse)
  }, [])
  return (
    <p className="unseen" aria-live="polite">
      {text}
    </p>
  )
}
