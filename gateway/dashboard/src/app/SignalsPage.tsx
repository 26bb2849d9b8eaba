// The page: signals on the left, the chosen one on the right, the system's state above.

import { type RefObject, useCallback, useEffect, useEffectEvent, useMemo, useRef, useState } from 'react'

import type { SignalItem } from '../contract'
import { type ApiError, asApiError } from '../lib/api'
import { liveStore, useLive } from '../live/LiveStore'
import { DEFAULT_FILTER, DIRECTIONS, type Filter, isQuiet, passes, queryOf, toggled } from '../live/filter'
import { SignalAnnouncer } from '../signals/SignalAnnouncer'
import { HealthBanner } from '../live/HealthBanner'
import { StartupProgress } from '../live/StartupProgress'
import { Dialog, Help } from '../ui/Dialog'
import { SignalFilters } from '../signals/SignalFilters'
import { MarketStrip } from '../live/MarketStrip'
import { Failed, Nothing } from '../ui/marks'
import { TrackRecord } from '../signals/TrackRecord'
import { Levels, SignalChart, SignalHead } from '../signals/SignalDetail'
import { SignalList } from '../signals/SignalList'
import { SystemStatus } from '../live/SystemStatus'
import { TopBar } from '../live/TopBar'
import { Explanation } from '../signals/Explanation'
import { RESEARCH, signalOfHash } from '../lib/route'
import { toggleTheme } from '../lib/theme'

const KEYS = [
  ['j ↓', 'Next signal'],
  ['k ↑', 'Previous signal'],
  ['Home End', 'Newest, oldest'],
  ['Enter', 'Open the signal'],
  ['Esc', 'Back to the list'],
  ['/', 'Find a symbol'],
  ['a', 'Acknowledge'],
  ['n', 'Neutral signals on or off'],
  ['p', 'Pause or resume updates'],
  ['r', 'To the research page'],
  ['s', 'State of the system'],
  ['t', 'Dark or light'],
  ['?', 'This help'],
] as const

const FILTER_KEY = 'regimeflow.filter'

function rememberedFilter(): Filter {
  try {
    const held = JSON.parse(localStorage.getItem(FILTER_KEY) ?? '{}') as Partial<Filter>
    return { ...DEFAULT_FILTER, ...held, text: '' }
  } catch {
    return DEFAULT_FILTER
  }
}

export function SignalsPage() {
  const [filter, setFilter] = useState(rememberedFilter)
  const [chosenId, setChosenId] = useState(signalOfHash)
  const [opened, setOpened] = useState(() => signalOfHash() !== null)
  const [sheet, setSheet] = useState<'system' | 'help' | null>(null)
  const [refused, setRefused] = useState<{ id: string; error: ApiError } | null>(null)
  const search = useRef<HTMLInputElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)

  const all = useLive((state) => state.signals)
  const paused = useLive((state) => state.paused)
  const page = useLive((state) => state.pages.get(queryOf(filter)))
  // Before the first direction is seen there is nothing else to show than neutral signals.
  const quiet = isQuiet(filter) && page?.depth === 0 && !all.some((signal) => passes(filter, signal))
  const wanted = useMemo(() => (quiet ? { ...filter, directions: DIRECTIONS } : filter), [filter, quiet])
  const depth = useLive((state) => state.pages.get(queryOf(wanted))?.depth ?? Infinity)
  const shown = useMemo(() => {
    const since = Number.isFinite(depth) ? depth : 0
    return all.filter((signal) => signal.event_time_ms >= since && passes(wanted, signal))
  }, [all, wanted, depth])
  const newest = useMemo(() => newestBySymbol(all), [all])
  const chosen = all.find((signal) => signal.signal_id === chosenId) ?? null

  useEffect(() => {
    liveStore.show(wanted)
    localStorage.setItem(FILTER_KEY, JSON.stringify(filter))
  }, [filter, wanted])

  // Whoever has not chosen yet looks at the newest that the filter shows.
  const first = shown[0]?.signal_id ?? all[0]?.signal_id ?? null
  useEffect(() => {
    if (chosenId === null && first !== null) setChosenId(first)
  }, [chosenId, first])

  const live = useLive((state) => state.connection.phase === 'live')
  useEffect(() => {
    if (chosenId !== null && live) void liveStore.open(chosenId)
  }, [chosenId, live])

  // A link may name a signal that is no longer held.
  const gone = useLive((state) => chosenId !== null && state.reasons.get(chosenId)?.error?.status === 404)
  useEffect(() => {
    if (gone && chosen === null) setChosenId(null)
  }, [gone, chosen])

  const choose = useCallback((signalId: string) => {
    setChosenId(signalId)
    setOpened(true)
    history.replaceState(null, '', `#${signalId}`)
  }, [])

  const acknowledge = useCallback(async (signal: SignalItem) => {
    setRefused(null)
    await liveStore.acknowledge(signal).catch((error: unknown) => {
      setRefused({ id: signal.signal_id, error: asApiError(error) })
    })
  }, [])

  const toggleSymbol = (symbol: string) => {
    const alone = filter.symbol !== symbol
    setFilter({ ...filter, symbol: alone ? symbol : null })
    const latest = all.find((signal) => signal.symbol === symbol && passes({ ...filter, symbol }, signal)) ?? newest.get(symbol)
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

  useKeys({
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    Home: () => step(-Infinity),
    End: () => step(Infinity),
    Enter: () => {
      setOpened(true)
      heading.current?.focus()
    },
    Escape: () => setOpened(false),
    '/': () => {
      setOpened(false)
      search.current?.focus()
    },
    a: () => chosen && !chosen.acknowledged && void acknowledge(chosen),
    n: toggleNeutral,
    p: () => liveStore.pause(!paused),
    r: () => {
      location.hash = RESEARCH
    },
    s: () => setSheet('system'),
    t: toggleTheme,
    '?': () => setSheet('help'),
  })

  return (
    <div className="liveStore" data-opened={opened && chosen !== null}>
      <a className="skip" href="#detail">
        Skip to the chosen signal
      </a>
      <TopBar page="signals" onSystem={() => setSheet('system')} onHelp={() => setSheet('help')} />
      <HealthBanner />
      <MarketStrip symbol={filter.symbol} newest={newest} onToggle={toggleSymbol} />
      <main className="work">
        <section className="panel master" aria-label="Signals">
          <SignalFilters
            filter={filter}
            count={shown.length}
            search={search}
            paused={paused}
            onChange={setFilter}
            onPause={() => liveStore.pause(!paused)}
          />
          {quiet && shown.length > 0 && (
            <p className="quiet muted">Nothing but neutral so far; directions come here once there are any.</p>
          )}
          <SignalList
            signals={shown}
            filter={wanted}
            chosenId={chosenId}
            onChoose={choose}
            onShowNeutral={toggleNeutral}
          />
        </section>
        <Detail
          chosen={chosen}
          symbol={filter.symbol}
          heading={heading}
          refused={refused !== null && refused.id === chosenId ? refused.error : null}
          onChoose={choose}
          onAcknowledge={(signal) => void acknowledge(signal)}
          onBack={() => setOpened(false)}
        />
      </main>
      <footer className="foot muted">
        Analysis only: nothing here can place an order. <a href="/docs">API</a> · Charts by{' '}
        <a href="https://www.tradingview.com/" target="_blank" rel="noreferrer">
          TradingView Lightweight Charts™
        </a>
      </footer>
      <SignalAnnouncer filter={filter} />
      <Dialog title="State of the system" side open={sheet === 'system'} onClose={() => setSheet(null)}>
        <SystemStatus />
      </Dialog>
      <Dialog title="Keyboard" open={sheet === 'help'} onClose={() => setSheet(null)}>
        <Help keys={KEYS}>
          Times are bar closes in market time, UTC. Rising bars are hollow, falling bars are full. Signals are advice: no
          part of this system can place an order.
        </Help>
      </Dialog>
    </div>
  )
}

interface DetailProps {
  chosen: SignalItem | null
  symbol: string | null
  heading: RefObject<HTMLHeadingElement | null>
  refused: ApiError | null
  onChoose: (signalId: string) => void
  onAcknowledge: (signal: SignalItem) => void
  onBack: () => void
}

function Detail({ chosen, symbol, heading, refused, onChoose, onAcknowledge, onBack }: DetailProps) {
  const market = useLive((state) => state.health?.symbols[0]?.symbol)
  const hasModel = useLive((state) => Object.keys(state.models?.serving ?? {}).length > 0)
  const heard = useLive((state) => state.health !== null)
  const starting = useLive((state) => state.health?.status === 'starting')
  const silent = useLive((state) => state.silent)
  if (chosen === null) {
    const charted = symbol ?? market
    return (
      <div id="detail" className="detail">
        <div className="detail-main">
          {!heard && silent ? (
            <section className="panel">
              <Nothing title="The gateway cannot be reached">
                <p>Is it running? This page tries again by itself.</p>
              </Nothing>
              <Failed error={silent.error} />
            </section>
          ) : hasModel && charted && !starting ? (
            <section className="panel">
              <Nothing title="The model is in service; its first signal comes with the next bars">
                <p>It predicts from the second bar after it was announced.</p>
              </Nothing>
            </section>
          ) : (
            <StartupProgress />
          )}
          {charted && !starting && <SignalChart signal={null} symbol={charted} onChoose={onChoose} />}
        </div>
      </div>
    )
  }
  return (
    <div id="detail" className="detail detail-two">
      <div className="detail-main">
        <SignalHead signal={chosen} heading={heading} failure={refused} onAcknowledge={onAcknowledge} onBack={onBack} />
        <SignalChart signal={chosen} symbol={chosen.symbol} onChoose={onChoose} />
        <section className="panel" aria-label="Levels">
          <Levels signal={chosen} />
        </section>
        <TrackRecord symbol={chosen.symbol} />
      </div>
      <aside className="detail-why" aria-label="Why this signal">
        <Explanation signal={chosen} />
      </aside>
    </div>
  )
}

function newestBySymbol(signals: readonly SignalItem[]): ReadonlyMap<string, SignalItem> {
  const found = new Map<string, SignalItem>()
  for (const signal of signals) if (!found.has(signal.symbol)) found.set(signal.symbol, signal)
  return found
}

const ROVING = new Set(['ArrowDown', 'ArrowUp', 'Home', 'End', 'Enter'])

/** Keys of the whole page; they rest while someone types, and while a sheet is open. */
function useKeys(acts: { readonly [key: string]: () => unknown }): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    const target = event.target as HTMLElement
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest('dialog')) return
    if (target.closest('input')) {
      if (event.key === 'Escape' || event.key === 'Enter') target.blur()
      return
    }
    // Arrows scroll and Enter presses, but on the list and where nothing has the focus.
    if (ROVING.has(event.key) && target !== document.body && target.role !== 'listbox') return
    const act = acts[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  })
  useEffect(() => {
    const listen = (event: KeyboardEvent) => press(event)
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [])
}
