// Which timeframes run, as the gateway says, and which of them is shown, as the address says.

import { useMemo } from 'react'

import type { Health, TimeframeHealth } from '../contract'
import { useNamedTimeframe } from '../lib/address'
import { chooseTimeframe, runningTimeframes, type ShownTimeframe, type Timeframe } from '../lib/timeframe'
import { useLive } from './LiveStore'

const NONE: Health['timeframes'] = []

/** The names change seldom, what is said of them often: the answer stays the same object meanwhile. */
export function useTimeframes(): ShownTimeframe {
  const text = useLive(({ health }) => JSON.stringify(runningTimeframes(health?.timeframes ?? NONE)))
  const named = useNamedTimeframe()
  return useMemo(() => chooseTimeframe(JSON.parse(text) as Timeframe[], named), [text, named])
}

/** What the gateway says of the timeframe that is shown. */
export function useTimeframeHealth(): TimeframeHealth | null {
  const { shown } = useTimeframes()
  return useLive(({ health }) => health?.timeframes.find(({ timeframe }) => timeframe === shown?.name)) ?? null
}
