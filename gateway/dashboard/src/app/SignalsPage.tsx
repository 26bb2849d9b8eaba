// The signals page: the list on the left, the chosen signal on the right, all markets above.

import { useCallback, useEffect, useMemo, useRef, useState } from 'react'

import type { SignalItem } from '../contract'
import { type ApiError, asApiError } from '../lib/api'
import { classes } from '../lib/classes'
import { signalOf } from '../lib/route'
import { DIRECTIONS } from '../lib/signal'
import { readJson, writeJson } from '../lib/storage'
import { DEFAULT_FILTER, type Filter, isQuiet, passes, queryOf, toggled } from '../live/filter'
import { HealthBanner } from '../live/HealthBanner'
import { liveStore, useLive } from '../live/LiveStore'
import { MarketStrip } from '../live/MarketStrip'
import { SignalAnnouncer } from '../signals/SignalAnnouncer'
import { SignalDetail } from '../signals/SignalDetail'
import { SignalFilters } from '../signals/SignalFilters'
import { SignalList } from '../signals/SignalList'
import { PlainPanel } from '../ui/Panel'
import { SkipLink } from '../ui/SkipLink'
import { PageFrame } from './PageFrame'
import styles from './SignalsPage.module.css'

const FILTER_KEY = 'regimeflow.filter'

function storedFilter(): Filter {
  return { ...DEFAULT_FILTER, ...(readJson(FILTER_KEY) as Partial<Filter> | null), text: '' }
}

export function SignalsPage() {
  const [filter, setFilter] = useState(storedFilter)
  const [chosenId, setChosenId] = useState(() => signalOf(location.hash))
  const [opened, setOpened] = useState(() => chosenId !== null)
  const [refusal, setRefusal] = useState<{ id: string; error: ApiError } | null>(null)
  const search = useRef<HTMLInputElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)

  const all = useLive((state) => state.signals)
  const paused = useLive((state) => state.paused)
  const { shown, wanted, quiet } = useShownSignals(all, filter)
  const newest = useMemo(() => newestBySymbol(all), [all])
  const chosen = all.find((signal) => signal.signal_id === chosenId) ?? null

  useEffect(() => {
    liveStore.show(wanted)
    writeJson(FILTER_KEY, filter)
  }, [filter, wanted])
  useChoice(chosen, chosenId, shown[0]?.signal_id ?? all[0]?.signal_id ?? null, setChosenId)

  const choose = useCallback((signalId: string) => {
    setChosenId(signalId)
    setOpened(true)
    history.replaceState(null, '', `#${signalId}`)
  }, [])

  const acknowledge = useCallback(async (signal: SignalItem) => {
    setRefusal(null)
    await liveStore.acknowledge(signal).catch((error: unknown) => {
      setRefusal({ id: signal.signal_id, error: asApiError(error) })
    })
  }, [])

  const toggleSymbol = (symbol: string) => {
    const alone = filter.symbol !== symbol
    setFilter({ ...filter, symbol: alone ? symbol : null })
    const latest =
      all.find((signal) => signal.symbol === symbol && passes({ ...filter, symbol }, signal)) ?? newest.get(symbol)
    if (alone && latest) setChosenId(latest.signal_id)
  }

  const toggleNeutral = () => setFilter({ ...filter, directions: toggled(DIRECTIONS, filter.directions, 'neutral') })

  const step = (by: number) => {
    const at = shown.findIndex((signal) => signal.signal_id === chosenId)
    const to = shown[Math.min(Math.max(at < 0 ? 0 : at + by, 0), shown.length - 1)]
    if (to === undefined) return
    setChosenId(to.signal_id)
    history.replaceState(null, '', `#${to.signal_id}`)
  }

  const openChosen = () => {
    setOpened(true)
    heading.current?.focus()
  }

  const findSymbol = () => {
    setOpened(false)
    search.current?.focus()
  }

  return (
    <PageFrame
      page="signals"
      className={opened && chosen !== null ? styles.detailOpen : styles.listOpen}
      skipLink={<SkipLink href="#detail">Skip to the chosen signal</SkipLink>}
      keys={[
        { keys: ['j', 'ArrowDown'], meaning: 'Next signal', act: () => step(1) },
        { keys: ['k', 'ArrowUp'], meaning: 'Previous signal', act: () => step(-1) },
        { keys: ['Home', 'End'], meaning: 'Newest, oldest', act: (key) => step(key === 'Home' ? -Infinity : Infinity) },
        { keys: ['Enter'], meaning: 'Open the signal', act: openChosen },
        { keys: ['Escape'], meaning: 'Back to the list', act: () => setOpened(false) },
        { keys: ['/'], meaning: 'Find a symbol', act: findSymbol },
        { keys: ['a'], meaning: 'Acknowledge', act: () => chosen && !chosen.acknowledged && void acknowledge(chosen) },
        { keys: ['n'], meaning: 'Neutral signals on or off', act: toggleNeutral },
        { keys: ['p'], meaning: 'Pause or resume updates', act: () => liveStore.pause(!paused) },
      ]}
      help="Times are bar closes in market time, UTC. Rising bars are hollow, falling bars are full. Signals are advice: no part of this system can place an order."
      footer={
        <>
          Analysis only: nothing here can place an order. <a href="/docs">API</a> · Charts by{' '}
          <a href="https://www.tradingview.com/" target="_blank" rel="noreferrer">
            TradingView Lightweight Charts™
          </a>
        </>
      }
    >
      <HealthBanner />
      <MarketStrip className={styles.markets} symbol={filter.symbol} newest={newest} onToggle={toggleSymbol} />
      <main className={styles.work}>
        <PlainPanel className={styles.list} aria-label="Signals">
          <SignalFilters
            filter={filter}
            count={shown.length}
            search={search}
            paused={paused}
            onChange={setFilter}
            onPause={() => liveStore.pause(!paused)}
          />
          {quiet && shown.length > 0 && (
            <p className={classes(styles.quiet, 'muted')}>
              Nothing but neutral so far; directions come here once there are any.
            </p>
          )}
          <SignalList
            signals={shown}
            filter={wanted}
            chosenId={chosenId}
            onChoose={choose}
            onShowNeutral={toggleNeutral}
          />
        </PlainPanel>
        <SignalDetail
          className={styles.detail}
          signal={chosen}
          symbol={filter.symbol}
          heading={heading}
          refusal={refusal !== null && refusal.id === chosenId ? refusal.error : null}
          onChoose={choose}
          onAcknowledge={(signal) => void acknowledge(signal)}
          onBack={() => setOpened(false)}
        />
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
  const shown = useMemo(() => {
    const since = Number.isFinite(depth) ? depth : 0
    return all.filter((signal) => signal.event_time_ms >= since && passes(wanted, signal))
  }, [all, wanted, depth])
  return { shown, wanted, quiet }
}

/** Read the chosen signal; without a choice, look at the newest that the filter shows. */
function useChoice(
  chosen: SignalItem | null,
  chosenId: string | null,
  newestId: string | null,
  choose: (signalId: string | null) => void,
): void {
  useEffect(() => {
    if (chosenId === null && newestId !== null) choose(newestId)
  }, [chosenId, newestId, choose])

  const isLive = useLive((state) => state.connection.phase === 'live')
  useEffect(() => {
    if (chosenId !== null && isLive) void liveStore.explanations.open(chosenId)
  }, [chosenId, isLive])

  // A link may name a signal that the gateway no longer has.
  const isGone = useLive((state) => chosenId !== null && state.explanations.get(chosenId)?.error?.status === 404)
  useEffect(() => {
    if (isGone && chosen === null) choose(null)
  }, [isGone, chosen, choose])
}

function newestBySymbol(signals: readonly SignalItem[]): ReadonlyMap<string, SignalItem> {
  const newest = new Map<string, SignalItem>()
  for (const signal of signals) if (!newest.has(signal.symbol)) newest.set(signal.symbol, signal)
  return newest
}
