// What ideas, humans and the calls of models have earned: three kinds that are never mixed.

import type { PerformanceSummary } from '../contract'
import { useSpan, useSymbol } from '../lib/address'
import { type Span, spanMs } from '../lib/scope'
import type { Timeframe } from '../lib/timeframe'
import { useAnswer } from '../lib/useAnswer'
import { Day } from '../live/Day'
import { useLive } from '../live/LiveStore'
import { useTimeframes } from '../live/timeframes'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { Equity } from './Equity'
import { Figures } from './Figures'
import { Groups } from './Groups'
import { Human } from './Human'
import { Months } from './Months'
import styles from './Results.module.css'

const EVERY_MS = 10_000
const DAY_MS = 86_400_000

export function Results() {
  const symbol = useSymbol()
  const span = useSpan()
  const { shown: timeframe } = useTimeframes()
  // A span ends with the day that runs, so that it is asked for anew once a day.
  const day = useLive(({ clock }) => (clock === null ? null : Math.floor(clock.marketMs / DAY_MS)))
  const query = day === null ? null : queryOf(symbol, timeframe, span, (day + 1) * DAY_MS)
  const { data, error, reload } = useAnswer<PerformanceSummary>(
    query === null ? null : `/api/performance/summary?${query}`,
    EVERY_MS,
  )
  const isTimeless = useLive(
    ({ health }) => health !== null && health.status !== 'starting' && health.clock_ms === null,
  )
  if (isTimeless)
    return (
      <PlainPanel aria-label="Results">
        <EmptyState title="Nothing has ended yet">
          <p>No bar has come: results follow once ideas, trades and calls have ended.</p>
        </EmptyState>
      </PlainPanel>
    )
  if (data === null || query === null)
    return (
      <PlainPanel aria-label="Results">
        {error === null ? (
          <Skeleton rows={8} label="The results are being read" />
        ) : (
          <Failure error={error} onRetry={reload} />
        )}
      </PlainPanel>
    )
  return (
    <div className={styles.results}>
      {error !== null && <Failure error={error} onRetry={reload} />}
      <Figures figures={data} />
      <div className={styles.pair}>
        <Equity curves={data.equity} />
        <div className={styles.column}>
          <Day day={data.today} />
          <Human summary={data} />
        </div>
      </div>
      <Groups query={query} />
      <Months query={query} />
    </div>
  )
}

function queryOf(symbol: string | null, timeframe: Timeframe | null, span: Span | null, endMs: number): string {
  const query = new URLSearchParams()
  if (symbol !== null) query.set('ticker', symbol)
  if (timeframe !== null) query.set('timeframe', timeframe.name)
  if (span !== null) query.set('from_ms', String(Math.max(endMs - spanMs(span), 0)))
  return query.toString()
}
