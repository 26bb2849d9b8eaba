// The signals page: the list on the left, the chosen signal on the right, all markets above.

import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { flushSync } from 'react-dom'

import type { SignalItem } from '../contract'
import { push, rescope, useSymbol } from '../lib/address'
import { type ApiError, asApiError } from '../lib/api'
import { classes } from '../lib/classes'
import { linkToJournalForm } from '../lib/route'
import { DIRECTIONS } from '../lib/signal'
import { readJson, writeJson } from '../lib/storage'
import { type Timeframe, timeframeKeys } from '../lib/timeframe'
import { chartKeys } from '../live/chart/chartMoves'
import { newestOfEpisodes, standingFor } from '../live/episodes'
import { type Filter, filterFrom, isQuiet, passes, queryOf, toggled, WHOLE_FILTER } from '../live/filter'
import { newestBySymbol } from '../live/fold'
import { HealthBanner } from '../live/HealthBanner'
import { liveStore, useLive } from '../live/LiveStore'
import { MarketStrip } from '../live/MarketStrip'
import { useTimeframes } from '../live/timeframes'
import { UnknownTimeframe } from '../live/TimeframeSwitch'
import { SignalAnnouncer } from '../signals/SignalAnnouncer'
import { SignalFilters } from '../signals/SignalFilters'
import { SignalList } from '../signals/SignalList'
import { ChartFooter } from '../ui/ChartFooter'
import { PlainPanel } from '../ui/Panel'
import { SkipLink } from '../ui/SkipLink'
import { look, open, setOpen, turnTo, useChoice, walk } from './choice'
import { PageFrame } from './PageFrame'
import styles from './SignalsPage.module.css'

// The list of signals comes first.
const SignalDetail = lazy(() => import('../signals/SignalDetail').then((module) => ({ default: module.SignalDetail })))

const FILTER_KEY = 'regimeflow.filter'

export function SignalsPage() {
  const [chosenFilter, setFilter] = useState(() => filterFrom(readJson(FILTER_KEY)))
  const { all: running, shown: timeframe } = useTimeframes()
  const symbol = useSymbol()
  const filter = useMemo(() => ({ ...chosenFilter, symbol, timeframe }), [chosenFilter, symbol, timeframe])
  const { signalId: chosenId, isOpen } = useChoice()
  const [refusal, setRefusal] = useState<{ id: string; error: ApiError } | null>(null)
  const search = useRef<HTMLInputElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  const list = useRef<HTMLElement>(null)

  const all = useLive((state) => state.signals)
  const paused = useLive((state) => state.paused)
  const { shown, wanted, quiet, isRead } = useShownSignals(all, filter)
  const newest = useMemo(() => newestBySymbol(all, timeframe), [all, timeframe])
  const chosen = all.find((signal) => signal.signal_id === chosenId) ?? null
  const line = chosen && standingFor(chosen, shown)

  useEffect(() => {
    liveStore.show(wanted)
    writeJson(FILTER_KEY, { ...filter, symbol: undefined, timeframe: undefined })
  }, [filter, wanted])
  useReading(chosenId, shown[0]?.signal_id ?? null)
  useTimeframeOf(chosen)
  useEffect(() => {
    document.getElementById('body')?.scrollTo(0, 0)
  }, [chosenId, isOpen])

  const acknowledge = useCallback(async (signal: SignalItem) => {
    setRefusal(null)
    await liveStore.acknowledge(signal).catch((error: unknown) => {
      setRefusal({ id: signal.signal_id, error: asApiError(error) })
    })
  }, [])

  const toggleSymbol = (other: string) => {
    if (other === symbol) return rescope({ symbol: null })
    const latest = all.find((signal) => passes({ ...filter, symbol: other }, signal))
    turnTo({ symbol: other }, latest?.signal_id ?? null)
  }

  const turnToLength = (next: Timeframe) => {
    const passing = all.filter((signal) => passes({ ...filter, timeframe: next }, signal))
    const latest = passing.find((signal) => signal.symbol === chosen?.symbol) ?? passing[0]
    turnTo({ timeframe: next }, latest?.signal_id ?? null)
  }

  const toggleNeutral = () => setFilter({ ...filter, directions: toggled(DIRECTIONS, filter.directions, 'neutral') })

  const step = (by: number) => {
    const at = shown.findIndex((signal) => signal === line)
    const to = shown[Math.min(Math.max(at < 0 ? 0 : at + by, 0), shown.length - 1)]
    if (to !== undefined && to.signal_id !== chosenId) walk(to.signal_id)
  }

  const openChosen = () => {
    if (!isOpen) flushSync(() => setOpen(true))
    heading.current?.focus()
  }

  // On a wide page the list is always in sight: there is nothing to go back to.
  const backToList = () => {
    if (list.current?.checkVisibility() === false) flushSync(() => setOpen(false))
  }

  const findSymbol = () => {
    backToList()
    search.current?.focus()
  }

  return (
    <PageFrame
      page="signals"
      symbol={chosen?.symbol ?? symbol}
      className={isOpen && chosenId !== null ? styles.detailOpen : styles.listOpen}
      skipLink={<SkipLink to="detail">Skip to the chosen signal</SkipLink>}
      keys={[
        { keys: ['j', 'ArrowDown'], meaning: 'Next signal', act: () => step(1) },
        { keys: ['k', 'ArrowUp'], meaning: 'Previous signal', act: () => step(-1) },
        { keys: ['Home', 'End'], meaning: 'Newest, oldest', act: (key) => step(key === 'Home' ? -Infinity : Infinity) },
        { keys: ['Enter'], meaning: 'Open the signal', act: openChosen },
        { keys: ['Escape'], meaning: 'Back to the list', act: backToList },
        { keys: ['/'], meaning: 'Find a symbol', act: findSymbol },
        ...timeframeKeys(running, turnToLength),
        { keys: ['a'], meaning: 'Acknowledge', act: () => chosen && !chosen.acknowledged && void acknowledge(chosen) },
        {
          keys: ['l'],
          meaning: 'Note a trade on it',
          act: () => chosen && push(linkToJournalForm('signal', chosen.signal_id)),
        },
        { keys: ['n'], meaning: 'Neutral signals on or off', act: toggleNeutral },
        { keys: ['p'], meaning: 'Pause or resume updates', act: () => liveStore.pause(!paused) },
        ...chartKeys(),
      ]}
      help="Times are bar closes in market time, UTC. Rising bars are hollow, falling bars are full. Signals are advice: no part of this system can place an order."
      footer={<ChartFooter />}
    >
      <HealthBanner />
      <UnknownTimeframe onChoose={turnToLength} />
      <MarketStrip className={styles.markets} symbol={symbol} newest={newest} onToggle={toggleSymbol} />
      <main className={styles.work}>
        <PlainPanel ref={list} className={styles.list} aria-label="Signals">
          <SignalFilters
            filter={filter}
            count={shown.length}
            search={search}
            paused={paused}
            onChange={setFilter}
            onPause={() => liveStore.pause(!paused)}
            onAllSymbols={() => rescope({ symbol: null })}
            onTimeframe={turnToLength}
          />
          {quiet && shown.length > 0 && (
            <p className={classes(styles.quiet, 'muted')}>
              Nothing but neutral so far; directions come here once there are any.
            </p>
          )}
          <SignalList
            signals={shown}
            filter={wanted}
            chosenId={line?.signal_id ?? null}
            onChoose={open}
            onShowNeutral={toggleNeutral}
          />
        </PlainPanel>
        <Suspense fallback={<div id="detail" className={styles.detail} aria-busy="true" />}>
          <SignalDetail
            className={styles.detail}
            signal={chosen}
            later={line === chosen ? null : line}
            chosenId={chosenId}
            symbol={symbol}
            isFiltered={shown.length === 0 && isRead}
            heading={heading}
            refusal={refusal !== null && refusal.id === chosenId ? refusal.error : null}
            onChoose={open}
            onNewest={() => look(null)}
            onShowAll={() => {
              setFilter(WHOLE_FILTER)
              rescope({ symbol: null })
            }}
            onAcknowledge={(signal) => void acknowledge(signal)}
            onBack={backToList}
          />
        </Suspense>
      </main>
      <SignalAnnouncer filter={filter} />
    </PageFrame>
  )
}

/** The signals that a filter shows, as far back as they have been read. */
function useShownSignals(all: readonly SignalItem[], filter: Filter) {
  const page = useLive((state) => state.pages.get(queryOf(filter)))
  // Before the first direction is seen there is nothing else to show than neutral signals.
  const quiet = isQuiet(filter) && page?.depth === 0 && !all.some((signal) => passes(filter, signal))
  const wanted = useMemo(() => (quiet ? { ...filter, directions: DIRECTIONS } : filter), [filter, quiet])
  const depth = useLive((state) => state.pages.get(queryOf(wanted))?.depth ?? Infinity)
  const isRead = useLive((state) => state.pages.get(queryOf(wanted))?.loading === false)
  const shown = useMemo(() => {
    const since = Number.isFinite(depth) ? depth : 0
    const passing = all.filter((signal) => signal.event_time_ms >= since && passes(wanted, signal))
    return wanted.everyBar ? passing : newestOfEpisodes(passing)
  }, [all, wanted, depth])
  return { shown, wanted, quiet, isRead }
}

/** Read the chosen signal; without a choice, look at the newest that the list shows. */
function useReading(chosenId: string | null, newestId: string | null): void {
  useEffect(() => {
    if (chosenId === null && newestId !== null) look(newestId)
  }, [chosenId, newestId])

  const isLive = useLive((state) => state.connection.phase === 'live')
  useEffect(() => {
    if (chosenId !== null && isLive) void liveStore.explanations.open(chosenId)
  }, [chosenId, isLive])
}

/** A link may name a signal of another timeframe than its address: the signal is what was asked for. */
function useTimeframeOf(signal: SignalItem | null): void {
  const { all, shown } = useTimeframes()
  const own = all.find(({ ms }) => ms === signal?.timeframe_ms) ?? null
  useEffect(() => {
    if (own !== null && own.ms !== shown?.ms) rescope({ timeframe: own })
  }, [own, shown])
}
