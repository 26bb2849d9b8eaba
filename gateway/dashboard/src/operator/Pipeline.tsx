// How the pipeline runs: its processes, how far each consumer is behind, one bar's way, and the rates.

import type { Health, Performance } from '../contract'
import { countText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { CanaryWay } from '../live/CanaryWay'
import { ProcessTable } from '../live/ProcessTable'
import { RateTable } from '../live/RateTable'
import { EmptyState } from '../ui/EmptyState'
import { Meter } from '../ui/Meter'
import { TableScroll } from '../ui/TableScroll'
import text from '../ui/text.module.css'
import styles from './Pipeline.module.css'
import { Answered, Section } from './Section'

const EVERY_MS = 5_000

export function Pipeline({ health }: { health: Health }) {
  const { processes } = health
  const running = Object.values(processes).filter(({ state }) => state === 'running').length
  return (
    <div className={styles.columns}>
      <div className={styles.column}>
        <Section
          title="Processes"
          aside={
            <span className={text.aside}>
              {running} of {Object.keys(processes).length} running
            </span>
          }
        >
          <TableScroll whole label="Processes, as a table">
            <ProcessTable processes={processes} />
          </TableScroll>
        </Section>
        <Section title="Rates">
          <TableScroll whole label="Rates, as a table">
            <RateTable windows={health.windows} />
          </TableScroll>
        </Section>
      </div>
      <div className={styles.column}>
        <Section title="Canary">
          <CanaryWay trace={health.canary} />
        </Section>
        <Lag />
      </div>
    </div>
  )
}

function Lag() {
  const answer = useAnswer<Performance>('/api/system/metrics', EVERY_MS)
  return (
    <Section title="Lag by consumer" aside={<span className={text.aside}>committed, not consumed</span>}>
      <Answered answer={answer}>
        {({ lag_records: { processes, views } }) => {
          const own = Object.values(views).reduce((sum, lag) => sum + lag, 0)
          const all = [...Object.entries(processes), ['this gateway', own] as const].toSorted(([, a], [, b]) => b - a)
          const most = Math.max(...all.map(([, lag]) => lag), 1)
          return (
            <>
              <ol className={styles.lags}>
                {all.map(([name, lag]) => (
                  <li key={name}>
                    <span>{name}</span>
                    <Meter share={lag / most} tone={lag > 0 ? 'warn' : 'accent'} />
                    <b>{countText(lag)}</b>
                  </li>
                ))}
              </ol>
              {Object.keys(processes).length === 0 && (
                <EmptyState title="No consumer has committed yet">
                  <p>Each of them appears with its first transaction; the lags are measured every 20 s.</p>
                </EmptyState>
              )}
            </>
          )
        }}
      </Answered>
    </Section>
  )
}
