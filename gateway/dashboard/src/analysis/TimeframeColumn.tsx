// One timeframe of a market: its chart, regime, trend, newest signal, levels, volatility, indicators.

import { lazy, useEffect, useMemo } from 'react'

import type { AnalysisDefinitions, TimeframeAnalysis } from '../contract'
import { classes } from '../lib/classes'
import { barsText, closeText, percent, priceText } from '../lib/format'
import { linkToSignal, SIGNALS } from '../lib/route'
import { useTheme } from '../lib/theme'
import type { Timeframe } from '../lib/timeframe'
import { NO_SERIES, seriesKey } from '../live/fold'
import { liveStore, useLive } from '../live/LiveStore'
import { staleBars } from '../live/staleness'
import { ScopeLink } from '../live/ScopeLink'
import { DirectionMark } from '../ui/DirectionMark'
import { EmptyState } from '../ui/EmptyState'
import { ErrorBoundary } from '../ui/ErrorBoundary'
import { Fact, Facts } from '../ui/Facts'
import { GradeMark } from '../ui/GradeMark'
import { Meter } from '../ui/Meter'
import { PlainPanel } from '../ui/Panel'
import { ProgressBar } from '../ui/ProgressBar'
import { RegimeBar, RegimeChip } from '../ui/RegimeMark'
import { Tag } from '../ui/Tag'
import { WhenSeen } from '../ui/WhenSeen'
import { Families } from './Families'
import { ReadingMark } from './ReadingMark'
import { dwellText, momentText, sentencesOf } from './spans'
import styles from './TimeframeColumn.module.css'

// What draws candles is more code than all of the page: it comes after it.
const EdgeChart = lazy(() => import('../live/chart/EdgeChart').then((module) => ({ default: module.EdgeChart })))

interface Props {
  symbol: string
  timeframe: Timeframe
  analysis: TimeframeAnalysis
  definitions: AnalysisDefinitions
  /** The moment at the right edge of every chart. */
  edgeMs: number | null
  isChosen: boolean
  opened: ReadonlySet<string>
  onToggle: (family: string, isOpen: boolean) => void
}

export function TimeframeColumn(props: Props) {
  const { symbol, timeframe, analysis, definitions, isChosen, opened, onToggle } = props
  const isEmpty = analysis.close_ms === null
  const age = useLive((state) => staleBars(state, symbol, timeframe))
  return (
    <PlainPanel
      id={`timeframe-${timeframe.name}`}
      className={classes(styles.column, isChosen && styles.chosen)}
      aria-label={`${symbol} ${timeframe.name}`}
      {...(isChosen ? { 'aria-current': 'true' as const } : {})}
    >
      <header className={styles.head}>
        <h2 tabIndex={-1}>{timeframe.name}</h2>
        <ReadingMark reading={analysis.direction} absent="no direction yet" />
        {analysis.stale && <Tag tone="warn">stale{age === null ? '' : ` ${barsText(age)}`}</Tag>}
        <ScopeLink className={styles.more} to={SIGNALS} scope={{ symbol, timeframe }}>
          Signals <span aria-hidden="true">→</span>
        </ScopeLink>
        {!isEmpty && analysis.detail && <p className={styles.note}>{sentencesOf(analysis.detail).join(' ')}</p>}
      </header>
      {isEmpty ? (
        <Waiting analysis={analysis} />
      ) : (
        <>
          <Chart {...props} />
          <Regime analysis={analysis} />
          <Newest analysis={analysis} timeframe={timeframe} />
          <Levels analysis={analysis} />
          <Volatility analysis={analysis} />
          <Families families={analysis.families} opened={opened} rules={definitions.indicators} onToggle={onToggle} />
        </>
      )}
    </PlainPanel>
  )
}

/** Nothing of it is here: why, and how far it is. */
function Waiting({ analysis }: { analysis: TimeframeAnalysis }) {
  const { detail, model, timeframe } = analysis
  return (
    <div className={styles.nothing}>
      <EmptyState title={`No ${timeframe} bars yet`}>
        {sentencesOf(detail).map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
      </EmptyState>
      {model.done !== null && <ProgressBar done={model.done} label={`Training of ${timeframe}`} />}
    </div>
  )
}

function Chart({ symbol, timeframe, analysis, edgeMs }: Props) {
  const theme = useTheme()
  const { bars, regimes } = useLive((state) => state.series.get(seriesKey(symbol, timeframe.ms))) ?? NO_SERIES
  useEffect(() => void liveStore.series.readStrip(symbol, timeframe), [symbol, timeframe])
  const levelText = JSON.stringify(
    analysis.levels.flatMap(({ resistance, support }, place) =>
      [resistance, support].flatMap((price) => (price === null ? [] : { price, isNear: place === 0 })),
    ),
  )
  // The answer comes every few seconds, mostly with the same levels.
  const levels = useMemo(() => JSON.parse(levelText) as { price: number; isNear: boolean }[], [levelText])
  const last = bars.at(-1)
  const end = edgeMs ?? last?.event_time_ms ?? 0
  return (
    <div className={styles.chart}>
      <ErrorBoundary what="The chart">
        <WhenSeen waiting={<div className={styles.waiting} aria-busy="true" />}>
          <EdgeChart
            bars={bars}
            regimes={regimes}
            levels={levels}
            edgeMs={end}
            theme={theme}
            label={`${timeframe.name} candles with regimes to ${momentText(end, end)}; newest close ${priceText(last?.close)} at ${closeText(last?.event_time_ms ?? end)} UTC`}
            momentText={(ms) => momentText(ms, end)}
          />
        </WhenSeen>
      </ErrorBoundary>
    </div>
  )
}

function Regime({ analysis }: { analysis: TimeframeAnalysis }) {
  const { regime, timeframe_ms: lengthMs } = analysis
  if (regime === null) return <p className={classes(styles.part, 'muted')}>No regime yet</p>
  const isFitted = regime.parameters_version !== null
  return (
    <div className={styles.part}>
      <p className={styles.line}>
        {isFitted ? <RegimeChip regime={regime} /> : <span className="muted">regime unfitted</span>}
        <span className="muted">entropy {regime.entropy.toFixed(2)} of 1</span>
      </p>
      <RegimeBar regime={regime} />
      <p className={classes(styles.line, styles.shares)} aria-hidden="true">
        <span className="down">bear {percent(regime.bear)}</span>
        <span className="flat">side {percent(regime.sideways)}</span>
        <span className="up">bull {percent(regime.bull)}</span>
      </p>
      <p className={styles.line}>
        <span>
          Trend: <b>{regime.trend_state === 'UNKNOWN' ? 'not known yet' : regime.trend_state.toLowerCase()}</b>
        </span>
        <span className="muted">{dwellText(regime.trend_bars, lengthMs)}</span>
      </p>
    </div>
  )
}

function Newest({ analysis, timeframe }: { analysis: TimeframeAnalysis; timeframe: Timeframe }) {
  const nowMs = useLive(({ health }) => health?.clock_ms ?? null)
  const { signal, model } = analysis
  if (signal === null)
    return (
      <div className={styles.part}>
        <p>
          <b>No signal yet</b>
        </p>
        {model.done !== null && <ProgressBar done={model.done} label={`Training of ${timeframe.name}`} />}
      </div>
    )
  const left = Math.ceil((signal.expires_ms - (nowMs ?? signal.event_time_ms)) / timeframe.ms)
  return (
    <ScopeLink
      className={classes(styles.part, styles.signal)}
      to={linkToSignal(signal.signal_id)}
      scope={{ timeframe }}
    >
      <GradeMark grade={signal.grade} />
      <span className={styles.said}>
        <span>
          <DirectionMark direction={signal.direction} /> <b>{percent(signal.confidence)}</b>{' '}
          {!signal.qualified && <Tag tone="warn">unqualified</Tag>}
        </span>
        <span className="muted">
          newest signal, closed {closeText(signal.event_time_ms)} UTC ·{' '}
          {signal.expired ? 'expired' : `${Math.min(left, signal.horizon_bars)} of ${signal.horizon_bars} bars left`}
        </span>
      </span>
    </ScopeLink>
  )
}

function Levels({ analysis }: { analysis: TimeframeAnalysis }) {
  const close = analysis.close ?? 1
  const side = (price: number | null, away: number | null, sign: string) =>
    price === null ? (
      <span className="muted">too few bars</span>
    ) : (
      <>
        {priceText(price, close)} <span className="muted">{`${sign}${(away ?? 0).toFixed(2)}%`}</span>
      </>
    )
  return (
    <table className={classes(styles.part, styles.levels)}>
      <caption className="unseen">Support and resistance by Donchian channels</caption>
      <thead>
        <tr>
          <th scope="col">Channel</th>
          <th scope="col">Support</th>
          <th scope="col">Resistance</th>
        </tr>
      </thead>
      <tbody>
        {analysis.levels.map((level, place) => (
          <tr key={level.bars}>
            <th scope="row">
              <i className={classes(styles.key, place === 0 && styles.near)} aria-hidden="true" />
              {level.bars} bars
            </th>
            <td>{side(level.support, level.support_percent, '−')}</td>
            <td>{side(level.resistance, level.resistance_percent, '+')}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Volatility({ analysis }: { analysis: TimeframeAnalysis }) {
  const { natr_14: natr, rank, rank_bars: rankBars } = analysis.volatility
  return (
    <div className={styles.part}>
      <Facts>
        <Fact name="True range">{natr === null ? 'unknown yet' : `${percent(natr, 2)} of the price`}</Fact>
        <Fact name="Volatility rank">
          {rank === null ? 'unknown yet' : `above ${percent(rank)} of the last ${rankBars} bars`}
        </Fact>
      </Facts>
      {rank !== null && <Meter share={rank} tone="accent" className={styles.rank} />}
    </div>
  )
}
