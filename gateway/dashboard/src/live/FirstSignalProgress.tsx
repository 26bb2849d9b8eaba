// Before the first signal of a timeframe: what it waits for.

import type { TimeframeHealth } from '../contract'
import { useLive } from './LiveStore'
import { StartupProgress } from './StartupProgress'
import { TimeframeProgress } from './TimeframeProgress'

/** Whether no model of a timeframe has ever answered. */
export function isBeforeFirstSignal({ signals, model }: TimeframeHealth): boolean {
  return signals === 0 && model.state !== 'serving'
}

export function FirstSignalProgress({ timeframe }: { timeframe: TimeframeHealth }) {
  const base = useLive(({ health }) => health?.timeframes[0]?.timeframe)
  return timeframe.timeframe === base ? <StartupProgress /> : <TimeframeProgress timeframe={timeframe} />
}
