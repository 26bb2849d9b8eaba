// Asks what each timeframe says of a market, again and again while the page shows it.

import type { Analysis } from '../contract'
import { type Answer, useAnswer } from '../lib/useAnswer'
import { useLive } from '../live/LiveStore'

const EVERY_MS = 2_000

/** The newest answer about a market; an error stands beside what was known before it. */
export function useAnalysis(symbol: string | null): Answer<Analysis> {
  const isReady = useLive(({ health }) => health !== null && health.status !== 'starting')
  const isPaused = useLive((state) => state.paused)
  const path = symbol === null ? null : `/api/analysis?ticker=${encodeURIComponent(symbol)}`
  return useAnswer<Analysis>(path, EVERY_MS, isPaused || !isReady)
}
