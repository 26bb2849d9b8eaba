// The chart of a market with its signals, ideas and trades, and its twin as tables.

import { lazy, type ReactNode, useEffect, useMemo, useState } from 'react'

import type { SignalItem } from '../../contract'
import { barsText } from '../../lib/format'
import { push } from '../../lib/address'
import { useKeys } from '../../lib/keys'
import { useTheme } from '../../lib/theme'
import type { Timeframe } from '../../lib/timeframe'
import { Button } from '../../ui/Button'
import { Choices } from '../../ui/Choices'
import { ErrorBoundary } from '../../ui/ErrorBoundary'
import { Failure } from '../../ui/Failure'
import { Legend } from '../../ui/Legend'
import { PanelHead, PlainPanel } from '../../ui/Panel'
import { Tag } from '../../ui/Tag'
import { WhenSeen } from '../../ui/WhenSeen'
import { toggled } from '../filter'
import { NO_SERIES, seriesKey } from '../fold'
import { liveStore, useLive } from '../LiveStore'
import { staleBars } from '../staleness'
import { useTimeframes } from '../timeframes'
import { BarTable } from './BarTable'
import { chartKeys, type Move } from './chartMoves'
import { type ChartTrade, TRADE_KINDS, type TradeKind } from './chartTrades'
import type { DraftLevel } from './LevelDrawing'
import styles from './MarketChart.module.css'
import { TradeTable } from './TradeTable'
import { useChartTrades } from './useChartTrades'

// A third of all code: it comes after the page, and not where the chart is out of sight, as beside the list of a phone.
const PriceChart = lazy(() => import('./PriceChart').then((module) => ({ default: module.PriceChart })))

const MORE_BARS = 500 // are read when the past is looked at

const TOOLS: readonly (readonly [move: Move, sign: string, name: string])[] = [
  ['further', '−', 'Further'],
  ['nearer', '+', 'Nearer'],
  ['all', '↔', 'All bars'],
]

interface Props {
  symbol: string
  timeframe: Timeframe
  /** Its plan is drawn, and the chart begins with its bar. */
  chosen?: SignalItem | null
  /** Without it a press on the chart leads nowhere. */
  onChoose?: (signalId: string) => void
  /** Drawn beside ideas and the journal. */
  trades?: readonly ChartTrade[]
  /** Prices that can be dragged. */
  levels?: readonly DraftLevel[]
  onLevel?: (name: string, price: string) => void
  /** Stands in the chart's head. */
  children?: ReactNode
}

const KINDS: readonly TradeKind[] = ['idea', 'journal', 'research']
const NO_LEVELS: readonly DraftLevel[] = []
const NO_TRADES: readonly ChartTrade[] = []

export function MarketChart(props: Props) {
  const {
    symbol,
    timeframe,
    chosen = null,
    onChoose,
    trades: own = NO_TRADES,
    levels = NO_LEVELS,
    onLevel,
    children,
  } = props
  const theme = useTheme()
  const { all: running } = useTimeframes()
  const key = seriesKey(symbol, timeframe.ms)
  const series = useLive((state) => state.series.get(key)) ?? NO_SERIES
  const all = useLive((state) => state.signals)
  const error = useLive((state) => state.seriesError)
  const stale = useLive((state) => staleBars(state, symbol, timeframe))
  const [asTable, setAsTable] = useState(false)
  const [wished, setWished] = useState<{ move: Move } | null>(null)
  const wish = (move: Move) => setWished({ move })
  useKeys(chartKeys(wish))
  const [reach, setReach] = useState({ key, ms: Infinity })
  const chosenFrom = chosen === null ? Infinity : chosen.event_time_ms - 100 * chosen.timeframe_ms
  const backTo = Math.min(chosenFrom, reach.key === key ? reach.ms : Infinity)
  // Without bars the series was dropped, or not read yet.
  const isEmpty = series.bars.length === 0
  useEffect(() => void liveStore.series.readBack(symbol, timeframe, backTo), [symbol, timeframe, backTo, isEmpty])
  const signals = useMemo(
    () => all.filter((each) => each.symbol === symbol && each.timeframe_ms === timeframe.ms),
    [all, symbol, timeframe],
  )
  const [hidden, setHidden] = useState<readonly TradeKind[]>([])
  const read = useChartTrades(symbol, timeframe)
  const trades = useMemo(() => [...read, ...own].filter(({ kind }) => !hidden.includes(kind)), [read, own, hidden])
  const kinds = own.length === 0 ? KINDS.filter((kind) => kind !== 'research') : KINDS
  return (
    <PlainPanel className={styles.chart} aria-label={`${symbol} chart`}>
      <PanelHead>
        <h3>
          {symbol} {running.length > 1 && timeframe.name}{' '}
          {stale !== null && <Tag tone="warn">stale: {barsText(stale)} old</Tag>}
        </h3>
        {children}
        {!asTable && (
          <Choices aria-label="Bars in sight">
            {TOOLS.map(([move, sign, name]) => (
              <button key={move} type="button" title={name} aria-label={name} onClick={() => wish(move)}>
                {sign}
              </button>
            ))}
          </Choices>
        )}
        <Button aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          Table
        </Button>
      </PanelHead>
      {error && isEmpty ? (
        <Failure error={error} onRetry={() => void liveStore.series.readBack(symbol, timeframe, backTo)} />
      ) : asTable ? (
        <>
          <BarTable series={series} signals={signals} />
          <TradeTable trades={trades} />
        </>
      ) : (
        <ErrorBoundary what="The chart">
          <WhenSeen waiting={<div className={styles.waiting} aria-busy="true" />}>
            <PriceChart
              key={timeframe.name} // an axis without bars would keep the times of the one before
              bars={series.bars}
              regimes={series.regimes}
              signals={signals}
              chosen={chosen}
              trades={trades}
              levels={levels}
              onLevel={onLevel ?? (() => undefined)}
              wished={wished}
              theme={theme}
              onChoose={(signalId) => onChoose?.(signalId)}
              onOpen={({ link }) => onChoose !== undefined && link !== null && push(link)}
              onReach={(firstMs) => setReach({ key, ms: firstMs - MORE_BARS * timeframe.ms })}
            />
          </WhenSeen>
          <div className={styles.foot}>
            <Legend className={styles.legend} aria-label="Regimes">
              <li className="up">Bull</li>
              <li className="flat">Sideways</li>
              <li className="down">Bear</li>
              <li className={styles.entropy}>Entropy</li>
            </Legend>
            <Choices aria-label="Drawn trades">
              {kinds.map((kind) => (
                <button
                  key={kind}
                  type="button"
                  aria-pressed={!hidden.includes(kind)}
                  onClick={() => setHidden(toggled(KINDS, hidden, kind))}
                >
                  <span aria-hidden="true">{TRADE_KINDS[kind].shape}</span> {TRADE_KINDS[kind].name}
                </button>
              ))}
            </Choices>
          </div>
        </ErrorBoundary>
      )}
    </PlainPanel>
  )
}
