// The page of the moment: ideas that run, why there are no others, how the last ones ended, and the
// day so far.

import { type ComponentType, lazy, Suspense, useEffect } from 'react'

import type { IdeaList, PerformanceSummary, SuppressedList } from '../contract'
import { rescope, useAddress, useSymbol } from '../lib/address'
import { classes } from '../lib/classes'
import { NOW, partsBelow } from '../lib/route'
import { timeframeKeys } from '../lib/timeframe'
import { useAnswer } from '../lib/useAnswer'
import { Day } from '../live/Day'
import { FirstSignalProgress, isBeforeFirstSignal } from '../live/FirstSignalProgress'
import { GatewayAway } from '../live/GatewayAway'
import { HealthBanner } from '../live/HealthBanner'
import { useLive } from '../live/LiveStore'
import { ScopePicker } from '../live/ScopePicker'
import { StartupProgress } from '../live/StartupProgress'
import { useTimeframeHealth, useTimeframes } from '../live/timeframes'
import { UnknownTimeframe } from '../live/TimeframeSwitch'
import type { FrameProps } from '../ui/frame'
import layout from '../ui/page.module.css'
import { SkipLink } from '../ui/SkipLink'
import { stepItem } from '../ui/stepItem'
import { ClosedIdeas } from './ClosedIdeas'
import { FirstVisit } from './FirstVisit'
import { NotifyChoice } from './NotifyChoice'
import styles from './NowPage.module.css'
import { OpenIdeas } from './OpenIdeas'
import { Suppressed } from './Suppressed'

// It waits for an answer of the gateway: its code may come meanwhile.
const IdeaDetail = lazy(() => import('./IdeaDetail').then((module) => ({ default: module.IdeaDetail })))

const EVERY_MS = 3_000
const DAY_EVERY_MS = 10_000
const OPEN = '500'
const CLOSED = '12'

interface Props {
  /** The frame around the page: it listens to the page's keys. */
  Frame: ComponentType<FrameProps>
}

export function NowPage({ Frame }: Props) {
  const ideaId = useAddress(({ hash }) => partsBelow(NOW, hash)[0] ?? null)
  const symbol = useSymbol()
  const { all: running, shown: timeframe } = useTimeframes()
  const health = useLive((state) => state.health)
  const progress = useTimeframeHealth()
  const outage = useLive((state) => state.outage)
  const isReady = health !== null && health.status !== 'starting'
  const path = (route: string, query: Record<string, string | null>) =>
    isReady && timeframe !== null ? `/api/${route}?${queryOf({ ...query, ticker: symbol })}` : null
  const at = { timeframe: timeframe?.name ?? null }
  // Those of other timeframes are counted: the better ones may be there.
  const open = useAnswer<IdeaList>(path('ideas', { state: 'open', limit: OPEN }), EVERY_MS)
  const closed = useAnswer<IdeaList>(path('ideas', { state: 'closed', limit: CLOSED, ...at }), EVERY_MS)
  const suppressed = useAnswer<SuppressedList>(path('ideas/suppressed', at), EVERY_MS)
  const summary = useAnswer<PerformanceSummary>(path('performance/summary', at), DAY_EVERY_MS)
  useEffect(() => {
    if (ideaId !== null) document.getElementById('idea')?.scrollIntoView({ block: 'nearest' })
  }, [ideaId, isReady])
  return (
    <Frame
      className={ideaId === null ? undefined : styles.ideaOpen}
      skipLink={<SkipLink to="now">Skip to the ideas</SkipLink>}
      keys={[
        { keys: ['j', 'k'], meaning: 'Next, previous idea', act: (key) => stepItem(key === 'j' ? 1 : -1) },
        ...timeframeKeys(running, (next) => rescope({ timeframe: next })),
      ]}
      help="An idea is a decision to act on a signal, never an order. No idea for days is a right answer: then nothing was worth its costs."
      footer={
        <>
          Analysis only: nothing here can place an order. <a href="/docs">API</a>
        </>
      }
    >
      <HealthBanner />
      <UnknownTimeframe onChoose={(next) => rescope({ timeframe: next })} />
      <main id="now" className={layout.main} tabIndex={-1}>
        <div className={styles.head}>
          <ScopePicker timeframe />
          <NotifyChoice />
        </div>
        <FirstVisit className={styles.others} />
        {health === null && outage ? (
          <GatewayAway error={outage.error} />
        ) : !isReady ? (
          <StartupProgress />
        ) : (
          <div className={styles.columns}>
            <div className={classes(styles.column, styles.others)}>
              {progress !== null && isBeforeFirstSignal(progress) && <FirstSignalProgress timeframe={progress} />}
              <OpenIdeas answer={open} suppressed={suppressed.data} shownId={ideaId} />
              <ClosedIdeas answer={closed} />
            </div>
            <div className={styles.column}>
              {ideaId !== null && (
                <>
                  <p id="idea">
                    <a href={NOW}>← All of the moment</a>
                  </p>
                  <Suspense>
                    <IdeaDetail key={ideaId} ideaId={ideaId} />
                  </Suspense>
                </>
              )}
              <Suppressed answer={suppressed} className={styles.others} />
              {summary.data !== null && <Day day={summary.data.today} className={styles.others} />}
            </div>
          </div>
        )}
      </main>
    </Frame>
  )
}

/** What narrows a question; null does not. */
function queryOf(narrowing: Record<string, string | null>): string {
  const named = Object.entries(narrowing).filter((each): each is [string, string] => each[1] !== null)
  return new URLSearchParams(named).toString()
}
