// Market time, and how fast it runs.

import { useEffect, useState } from 'react'

import { classes } from '../lib/classes'
import { clockText, dayText } from '../lib/format'
import { marketNow } from './LiveState'
import { useLive } from './LiveStore'
import styles from './MarketClock.module.css'

export function MarketClock() {
  const clock = useLive((state) => state.clock)
  const health = useLive((state) => state.health)
  const [now, setNow] = useState<number | null>(null)
  useEffect(() => {
    setNow(marketNow(clock))
    const pulse = setInterval(() => setNow(marketNow(clock)), 1_000)
    return () => clearInterval(pulse)
  }, [clock])
  if (now === null) return <p className={classes(styles.clock, styles.unknown, 'muted')}>no market time yet</p>
  const speed = health?.replay ? 'replay' : health?.speed && health.speed !== 1 ? `${health.speed}×` : 'real time'
  return (
    <p className={styles.clock}>
      <time dateTime={new Date(now).toISOString()}>
        {clockText(now)} <small>UTC</small>
      </time>
      <span className={styles.day}>
        {dayText(now)} · {speed}
      </span>
    </p>
  )
}
