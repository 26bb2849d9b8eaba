// The chart of a symbol with its signals, and its twin as a table.

import { lazy, Suspense, useEffect, useMemo, useState } from 'react'

import type { SignalItem } from '../contract'
import { barsText } from '../lib/format'
import { useTheme } from '../lib/theme'
import type { Timeframe } from '../lib/timeframe'
import { BarTable } from '../live/chart/BarTable'
import { NO_SERIES, seriesKey } from '../live/fold'
import { liveStore, useLive } from '../live/LiveStore'
import { staleBars } from '../live/staleness'
import { useTimeframes } from '../live/timeframes'
import { Button } from '../ui/Button'
import { ErrorBoundary } from '../ui/ErrorBoundary'
import { Failure } from '../ui/Failure'
import { Legend } from '../ui/Legend'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { Tag } from '../ui/Tag'
import styles from './SignalChart.module.css'

// A third of all code, and nothing to draw before the first bars have come.
const PriceChart = lazy(() => import('../live/chart/PriceChart').then((module) => ({ default: module.PriceChart })))

export function SignalChart({
  signal,
  symbol,
  timeframe,
  onChoose,
}: {
  signal: SignalItem | null
  symbol: string
  timeframe: Timeframe
  onChoose: (signalId: string) => void
}) {
  const theme = useTheme()
  const { all: running } = useTimeframes()
  const series = useLive((state) => state.series.get(seriesKey(symbol, timeframe.ms))) ?? NO_SERIES
  const all = useLive((state) => state.signals)
  const error = useLive((state) => state.seriesError)
  const stale = useLive((state) => staleBars(state, symbol, timeframe))
  const [asTable, setAsTable] = useState(false)
  const backTo = signal === null ? Infinity : signal.event_time_ms - 100 * signal.timeframe_ms
  // Without bars the series was dropped, or not read yet.
  const isEmpty = series.bars.length === 0
  useEffect(() => void liveStore.series.readBack(symbol, timeframe, backTo), [symbol, timeframe, backTo, isEmpty])
  const signals = useMemo(
    () => all.filter((each) => each.symbol === symbol && each.timeframe_ms === timeframe.ms),
    [all, symbol, timeframe],
  )
  return (
    <PlainPanel className={styles.chart} aria-label={`${symbol} chart`}>
      <PanelHead>
        <h3>
          {symbol} {running.length > 1 && timeframe.name}{' '}
          {stale !== null && <Tag tone="warn">stale: {barsText(stale)} old</Tag>}
        </h3>
        <Legend className={styles.legend} aria-label="Regimes">
          <li className="up">Bull</li>
          <li className="flat">Sideways</li>
          <li className="down">Bear</li>
          <li className={styles.entropy}>Entropy</li>
        </Legend>
        <Button aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          Table
        </Button>
      </PanelHead>
      {error && isEmpty ? (
        <Failure error={error} onRetry={() => void liveStore.series.readBack(symbol, timeframe, backTo)} />
      ) : asTable ? (
        <BarTable series={series} signals={signals} />
      ) : (
        <ErrorBoundary what="The chart">
          <Suspense fallback={<div className={styles.waiting} aria-busy="true" />}>
            <PriceChart
              key={timeframe.name} // an axis without bars would keep the times of the one before
              bars={series.bars}
              regimes={series.regimes}
              signals={signals}
              chosen={signal}
              theme={theme}
              onChoose={onChoose}
            />
          </Suspense>
        </ErrorBoundary>
      )}
    </PlainPanel>
  )
}
