// The score of past signals: hit rates with their intervals, returns after costs, calibration.

import { liveStore, useLive } from '../live/LiveStore'
import { useTimeframes } from '../live/timeframes'
import { Choices } from '../ui/Choices'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { Panel } from '../ui/Panel'
import { HitRates } from './HitRates'
import { Reliability } from './Reliability'
import styles from './TrackRecord.module.css'

export function TrackRecord({ symbol }: { symbol: string | null }) {
  const { all, shown } = useTimeframes()
  const scores = useLive((state) => (state.scores?.timeframe === shown?.name ? state.scores : null))
  const error = useLive((state) => state.scoresError)
  const scope = scores?.symbol ?? null
  return (
    <Panel
      title={`Score of past ${all.length > 1 && shown ? `${shown.name} ` : ''}signals`}
      aside={
        <Choices aria-label="Scored markets">
          <button type="button" aria-pressed={scope === null} onClick={() => liveStore.score(null)}>
            All
          </button>
          {symbol && (
            <button type="button" aria-pressed={scope === symbol} onClick={() => liveStore.score(symbol)}>
              {symbol}
            </button>
          )}
        </Choices>
      }
    >
      {scores?.rows.length ? (
        <div className={styles.body}>
          <HitRates rows={scores.rows} span={scores.span} />
          <Reliability bins={scores.bins} />
        </div>
      ) : error ? (
        <Failure error={error} onRetry={() => liveStore.score(scope)} />
      ) : (
        <EmptyState title="Nothing has expired yet">
          <p>Each signal is scored at its horizon, after costs, against the next bar's open.</p>
        </EmptyState>
      )}
    </Panel>
  )
}
