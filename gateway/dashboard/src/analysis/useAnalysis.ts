// Asks what each timeframe says of a market, again and again while the page shows it.

import { useEffect, useState } from 'react'

import type { Analysis } from '../contract'
import { type ApiError, asApiError, ask } from '../lib/api'
import { useLive } from '../live/LiveStore'

const EVERY_MS = 2_000

interface Answer {
  symbol: string
  analysis: Analysis | null
  error: ApiError | null
}

/** The newest answer about a market; an error stands beside what was known before it. */
export function useAnalysis(symbol: string | null): Omit<Answer, 'symbol'> {
  const [answer, setAnswer] = useState<Answer | null>(null)
  const isReady = useLive(({ health }) => health !== null && health.status !== 'starting')
  const isPaused = useLive((state) => state.paused)
  useEffect(() => {
    if (symbol === null || !isReady || isPaused) return
    let timer = 0
    let isOver = false
    const read = async () => {
      const next = await ask<Analysis>(`/api/analysis?ticker=${encodeURIComponent(symbol)}`).then(
        (analysis) => ({ analysis, error: null }),
        (error: unknown) => ({ analysis: null, error: asApiError(error) }),
      )
      if (isOver) return
      setAnswer((before) => ({
        symbol,
        analysis: next.analysis ?? (before?.symbol === symbol ? before.analysis : null),
        error: next.error,
      }))
      timer = window.setTimeout(() => void read(), EVERY_MS)
    }
    void read()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [symbol, isReady, isPaused])
  return answer?.symbol === symbol ? answer : { analysis: null, error: null }
}
