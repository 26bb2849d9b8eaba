// The analysis page: the timeframes of one market side by side, and how far they agree.

import { type ComponentType, lazy, Suspense, useEffect, useMemo, useState } from 'react'

import type { Analysis } from '../contract'
import { goTo, push, rescope, useSymbol } from '../lib/address'
import { ANALYSIS, linkToSignal, SIGNALS } from '../lib/route'
import { type Timeframe, timeframeKeys } from '../lib/timeframe'
import { chartKeys } from '../live/chart/chartMoves'
import { WHOLE_FILTER } from '../live/filter'
import { newestBySymbol, seriesKey } from '../live/fold'
import { GatewayAway } from '../live/GatewayAway'
import { HealthBanner } from '../live/HealthBanner'
import { liveStore, useLive } from '../live/LiveStore'
import { MarketStrip } from '../live/MarketStrip'
import { StartupProgress } from '../live/StartupProgress'
import { useTimeframes } from '../live/timeframes'
import { TimeframeSwitch, UnknownTimeframe } from '../live/TimeframeSwitch'
import { ChartFooter } from '../ui/ChartFooter'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import type { FrameProps } from '../ui/frame'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { SkipLink } from '../ui/SkipLink'
import { Agreement } from './Agreement'
import styles from './AnalysisPage.module.css'
import { useAnalysis } from './useAnalysis'

// Their code comes while the analysis is read.
const MarketChart = lazy(() => import('../live/chart/MarketChart').then((module) => ({ default: module.MarketChart })))
const Rules = lazy(() => import('./Rules').then((module) => ({ default: module.Rules })))
const TimeframeColumn = lazy(() => import('./TimeframeColumn').then((module) => ({ default: module.TimeframeColumn })))

interface Props {
  /** The frame around the page: it listens to the page's keys. */
  Frame: ComponentType<FrameProps>
}

const HELP =
  'Nothing here is later than the newest close of its timeframe. Charts end at the same moment: a bar that closed earlier stands further left. Signals are advice: no part of this system can place an order.'

export function AnalysisPage({ Frame }: Props) {
  const named = useSymbol()
  const markets = useLive(({ health }) => health?.symbols)
  const symbols = markets?.map((market) => market.symbol) ?? []
  const symbol = named ?? symbols[0] ?? null
  const { all: running, shown } = useTimeframes()
  const { data: analysis, error } = useAnalysis(symbol)
  const all = useLive((state) => state.signals)
  useEffect(() => liveStore.show({ ...WHOLE_FILTER, timeframe: shown }), [shown])
  const newest = useMemo(() => newestBySymbol(all, shown), [all, shown])

  const turn = (to: string) => goTo(ANALYSIS, { symbol: to })
  const step = (by: number) => {
    const at = symbols.indexOf(symbol ?? '') + by
    const next = symbols[(at + symbols.length) % symbols.length]
    if (next !== undefined) turn(next)
  }
  const choose = (timeframe: Timeframe) => {
    rescope({ timeframe })
    focusColumn(timeframe.name)
  }
  const openSignals = () => {
    if (symbol !== null && shown !== null) goTo(SIGNALS, { symbol, timeframe: shown })
  }
  const families = useOpenFamilies(analysis)

  return (
    <Frame
      skipLink={<SkipLink to="columns">Skip to the timeframes</SkipLink>}
      keys={[
        { keys: ['j', 'k'], meaning: 'Next, previous market', act: (key) => step(key === 'j' ? 1 : -1) },
        ...timeframeKeys(running, choose),
        { keys: ['f', 'F'], meaning: 'Next, previous family', act: (key) => focusFamily(shown, key === 'f' ? 1 : -1) },
        { keys: ['e'], meaning: 'All families open or shut', act: families.toggleAll },
        { keys: ['o'], meaning: 'Signals of this market and timeframe', act: openSignals },
        ...chartKeys(),
      ]}
      help={HELP}
      footer={<ChartFooter />}
    >
      <HealthBanner />
      <UnknownTimeframe onChoose={(timeframe) => rescope({ timeframe })} />
      <MarketStrip symbol={symbol} newest={newest} onToggle={turn} />
      <main id="columns" className={styles.work} tabIndex={-1}>
        {analysis === null ? (
          <Absence symbol={symbol} error={error} />
        ) : (
          <>
            <Agreement analysis={analysis} />
            <Suspense fallback={<Reading />}>
              {shown !== null && (
                <MarketChart
                  symbol={analysis.symbol}
                  timeframe={shown}
                  onChoose={(signalId) => push(linkToSignal(signalId))}
                >
                  <TimeframeSwitch onChoose={(timeframe) => rescope({ timeframe })} />
                </MarketChart>
              )}
              <Columns analysis={analysis} running={running} shown={shown} families={families} />
              <Rules definitions={analysis.definitions} />
            </Suspense>
          </>
        )}
      </main>
    </Frame>
  )
}

interface ColumnsProps {
  analysis: Analysis
  running: readonly Timeframe[]
  shown: Timeframe | null
  families: OpenFamilies
}

function Columns({ analysis, running, shown, families }: ColumnsProps) {
  const { symbol } = analysis
  const edgeMs = useLive(({ series }) => {
    const closes = running.map(({ ms }) => series.get(seriesKey(symbol, ms))?.bars.at(-1)?.event_time_ms ?? 0)
    return Math.max(0, ...closes) || null
  })
  return (
    <div className={styles.columns}>
      {analysis.timeframes.map((each) => {
        const timeframe = running.find(({ name }) => name === each.timeframe)
        if (timeframe === undefined) return null // it began to run a moment ago
        return (
          <TimeframeColumn
            key={`${symbol} ${each.timeframe}`}
            symbol={symbol}
            timeframe={timeframe}
            analysis={each}
            definitions={analysis.definitions}
            edgeMs={edgeMs}
            isChosen={running.length > 1 && timeframe.name === shown?.name}
            opened={families.opened}
            onToggle={families.toggle}
          />
        )
      })}
    </div>
  )
}

/** Why nothing is shown of a market. */
function Absence({ symbol, error }: { symbol: string | null; error: ReturnType<typeof useAnalysis>['error'] }) {
  const health = useLive((state) => state.health)
  const outage = useLive((state) => state.outage)
  if (health === null && outage) return <GatewayAway error={outage.error} />
  if (error !== null)
    return (
      <PlainPanel>
        <EmptyState title={`Nothing is known of ${symbol ?? 'this market'}`} />
        <Failure error={error} />
      </PlainPanel>
    )
  if (health !== null && (health.status === 'starting' || symbol === null)) return <StartupProgress />
  return <Reading />
}

function Reading() {
  return (
    <PlainPanel>
      <Skeleton rows={8} label="The timeframes are being read" />
    </PlainPanel>
  )
}

interface OpenFamilies {
  opened: ReadonlySet<string>
  toggle: (family: string, isOpen: boolean) => void
  toggleAll: () => void
}

/** Families that are in sight: all where there is room, none on a narrow page until they are asked for. */
function useOpenFamilies(analysis: Analysis | null): OpenFamilies {
  const all = analysis?.timeframes[0]?.families.map(({ family }) => family) ?? []
  const [chosen, setChosen] = useState<ReadonlySet<string> | null>(null)
  const [hasRoom] = useState(() => matchMedia('(width >= 60rem)').matches)
  const opened = chosen ?? new Set(hasRoom ? all : [])
  return {
    opened,
    toggle: (family, isOpen) => {
      if (opened.has(family) === isOpen) return
      setChosen(new Set(all.filter((each) => (each === family ? isOpen : opened.has(each)))))
    },
    toggleAll: () => setChosen(new Set(opened.size === 0 ? all : [])),
  }
}

function column(name: string): HTMLElement | null {
  return document.getElementById(`timeframe-${name}`)
}

function focusColumn(name: string): void {
  const heading = column(name)?.querySelector('h2')
  heading?.focus({ preventScroll: true })
  heading?.scrollIntoView({ block: 'nearest' })
}

function focusFamily(timeframe: Timeframe | null, by: number): void {
  const summaries = [...(column(timeframe?.name ?? '')?.querySelectorAll('summary') ?? [])]
  const at = summaries.findIndex((summary) => summary === document.activeElement)
  const next = at < 0 ? (by > 0 ? 0 : summaries.length - 1) : (at + by + summaries.length) % summaries.length
  summaries[next]?.focus()
}
