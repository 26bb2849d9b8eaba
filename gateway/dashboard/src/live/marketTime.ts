// Market time between what the gateway says, and a slow pulse that redraws ages.

import { useEffect, useState } from 'react'

import { marketNow } from './LiveState'
import { useLive } from './LiveStore'

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
