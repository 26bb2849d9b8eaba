// The chart of a symbol with its signals, and its twin as a table.

import { useEffect, useMemo, useState } from 'react'

import type { SignalItem } from '../contract'
import { barsText } from '../lib/format'
import { useTheme } from '../lib/theme'
import { BarTable } from '../live/chart/BarTable'
import { PriceChart } from '../live/chart/PriceChart'
import { NO_SERIES } from '../live/fold'
import { liveStore, useLive } from '../live/LiveStore'
import { Button } from '../ui/Button'
import { ErrorBoundary } from '../ui/ErrorBoundary'
import { Failure } from '../ui/Failure'
import { Legend } from '../ui/Legend'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { Tag } from '../ui/Tag'
import styles from './SignalChart.module.css'

export function SignalChart({
  signal,
  symbol,
  onChoose,
}: {
  signal: SignalItem | null
  symbol: string
  onChoose: (signalId: string) => void
}) {
  const theme = useTheme()
  const series = useLive((state) => state.series.get(symbol)) ?? NO_SERIES
  const all = useLive((state) => state.signals)
  const error = useLive((state) => state.seriesError)
  const stale = useLive((state) => state.health?.symbols.find((s) => s.symbol === symbol && s.stale))
  const [asTable, setAsTable] = useState(false)
  const backTo = signal === null ? Infinity : signal.event_time_ms - 100 * signal.timeframe_ms
  // Without bars the series was dropped, or not read yet.
  const isEmpty = series.bars.length === 0
  useEffect(() => void liveStore.series.readBack(symbol, backTo), [symbol, backTo, isEmpty])
  const signals = useMemo(() => all.filter((each) => each.symbol === symbol), [all, symbol])
  return (
    <PlainPanel className={styles.chart} aria-label={`${symbol} chart`}>
      <PanelHead>
        <h3>
          {symbol} {stale && <Tag tone="warn">stale: {barsText(stale.age_bars)} old</Tag>}
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
        <Failure error={error} onRetry={() => void liveStore.series.readBack(symbol, backTo)} />
      ) : asTable ? (
        <BarTable series={series} signals={signals} />
      ) : (
        <ErrorBoundary what="The chart">
          <PriceChart
            bars={series.bars}
            regimes={series.regimes}
            signals={signals}
            chosen={signal}
            theme={theme}
            onChoose={onChoose}
          />
        </ErrorBoundary>
      )}
    </PlainPanel>
  )
}
