// The way of the last bar that was followed through the chain, and how long each part of it took.

import type { CanaryTrace } from '../contract'
import { durationText, stampText } from '../lib/format'
import { EmptyState } from '../ui/EmptyState'
import { Meter } from '../ui/Meter'
import styles from './CanaryWay.module.css'

export function CanaryWay({ trace }: { trace: CanaryTrace | null }) {
  if (trace === null)
    return (
      <EmptyState title="No bar has been followed yet">
        <p>The monitor follows one bar at a time from the venue to its signal, once bars come.</p>
      </EmptyState>
    )
  const stages = Object.entries(trace.stages_ms)
  const slowest = Math.max(...stages.map(([, ms]) => ms ?? 0), 1)
  return (
    <>
      <p className="muted">
        The {trace.symbol} bar of {stampText(trace.event_time_ms)}, followed through the chain
        {trace.complete ? '.' : '; it has not arrived everywhere.'}
      </p>
      <ol className={styles.canary}>
        {stages.map(([topic, ms]) => (
          <li key={topic}>
            <code>{topic}</code>
            <Meter share={(ms ?? 0) / slowest} tone="accent" className={styles.meter} />
            <span>{ms === null ? 'not seen' : durationText(ms)}</span>
          </li>
        ))}
      </ol>
    </>
  )
}
