// Market time between what the gateway says, and a slow pulse that redraws ages.

import { useEffect, useState } from 'react'

import type { MarketClock } from './LiveState'
import { useLive } from './LiveStore'

/** Milliseconds of market time now; null before the gateway answered. */
export function marketNow(clock: MarketClock | null): number | null {
  if (clock === null) return null
  return clock.marketMs + (performance.now() - clock.atMs) * clock.speed
}

/** Market time, redrawn each second; still while updates are paused. */
export function useMarketTime(): number | null {
  const clock = useLive((state) => state.clock)
  const paused = useLive((state) => state.paused)
  const [now, setNow] = useState(() => marketNow(clock))
  useEffect(() => {
    if (paused) return
    setNow(marketNow(clock))
    const pulse = setInterval(() => setNow(marketNow(clock)), 1_000)
    return () => clearInterval(pulse)
  }, [clock, paused])
  return now
}
