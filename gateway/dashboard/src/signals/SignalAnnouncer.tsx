// Tells screen readers of new signals, at most every five seconds.

import { useEffect, useRef, useState } from 'react'

import { liveStore } from '../live/LiveStore'
import { type Filter, passes } from '../live/filter'
import { WORD } from '../lib/signal'

const EVERY_MS = 5_000

export function SignalAnnouncer({ filter }: { filter: Filter }) {
  const [text, setText] = useState('')
  const lastId = useRef<string | null>(null)
  const wanted = useRef(filter)
  wanted.current = filter
  useEffect(() => {
    const pulse = setInterval(() => {
      const { newSignals } = liveStore.state.get()
      const from = newSignals.findIndex((signal) => signal.signal_id === lastId.current) + 1
      lastId.current = newSignals.at(-1)?.signal_id ?? null
      const fresh = newSignals.slice(from).filter((signal) => passes(wanted.current, signal))
      const last = fresh.at(-1)
      if (last === undefined) return
      const newest = `${last.symbol} ${WORD[last.direction]}, grade ${last.grade}`
      setText(fresh.length === 1 ? `New signal: ${newest}` : `${fresh.length} new signals, the last ${newest}`)
    }, EVERY_MS)
    return () => clearInterval(pulse)
  }, [])
  return (
    <p className="unseen" aria-live="polite">
      {text}
    </p>
  )
}
