// The lights of the top bar: stream, lag, model, processes, rejected records.

import { useEffect, useState } from 'react'

import { classes } from '../lib/classes'
import { lagState, type LightState, modelState, processState, rejectedState, streamState } from './lights'
import { useLive } from './LiveStore'
import styles from './SystemLights.module.css'
import { useTimeframes } from './timeframes'

export function SystemLights({ onOpen }: { onOpen: () => void }) {
  const health = useLive((state) => state.health)
  const models = useLive((state) => state.models)
  const isSilent = useLive((state) => state.outage !== null)
  const { shown } = useTimeframes()
  return (
    <div className={styles.lights} role="group" aria-label="State of the system">
      <StreamLight onOpen={onOpen} />
      <Light name="Lag" state={lagState(health, models, isSilent)} onOpen={onOpen} />
      <Light name="Model" state={modelState(health, models, shown?.name ?? null)} onOpen={onOpen} />
      <Light name="Processes" state={processState(health, isSilent)} onOpen={onOpen} />
      <Light name="Rejected" state={rejectedState(health)} onOpen={onOpen} />
    </div>
  )
}

const TONES = { good: styles.isGood, warn: styles.isWarn, bad: styles.isBad, calm: '' }

function Light({ name, state, onOpen }: { name: string; state: LightState; onOpen: () => void }) {
  return (
    <button type="button" className={classes(styles.light, TONES[state.tone])} onClick={onOpen}>
      <span className={styles.name}>{name}</span>
      <span className={styles.text}>
        <i className={styles.dot} aria-hidden="true" />
        {state.text}
      </span>
      <span className={styles.under}>{state.under}</span>
      {state.done !== undefined && (
        <span className={styles.done} aria-hidden="true">
          <i style={{ width: `${state.done * 100}%` }} />
        </span>
      )}
    </button>
  )
}

function StreamLight({ onOpen }: { onOpen: () => void }) {
  const connection = useLive((state) => state.connection)
  const paused = useLive((state) => state.paused)
  const [nowMs, setNowMs] = useState(() => Date.now())
  useEffect(() => {
    if (connection.phase !== 'waiting') return
    setNowMs(Date.now())
    const pulse = setInterval(() => setNowMs(Date.now()), 500)
    return () => clearInterval(pulse)
  }, [connection])
  return <Light name="Stream" state={streamState(connection, paused, nowMs)} onOpen={onOpen} />
}
