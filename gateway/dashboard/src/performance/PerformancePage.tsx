// The performance page: what ideas, humans and models have earned, the journal, and the account.

import { type ComponentType, lazy, Suspense } from 'react'

import { push, rescope, useAddress } from '../lib/address'
import type { KeyBinding } from '../lib/keys'
import { PERFORMANCE } from '../lib/route'
import { timeframeKeys } from '../lib/timeframe'
import { chartKeys } from '../live/chart/chartMoves'
import { HealthBanner } from '../live/HealthBanner'
import { useLive } from '../live/LiveStore'
import { ScopePicker } from '../live/ScopePicker'
import { useTimeframes } from '../live/timeframes'
import { Choices } from '../ui/Choices'
import type { FrameProps } from '../ui/frame'
import { GettingReady } from '../ui/GettingReady'
import styles from '../ui/page.module.css'
import { SkipLink } from '../ui/SkipLink'
import { stepItem } from '../ui/stepItem'
import { ACCOUNT_PLACE, JOURNAL_PLACE, NEW_TRADE, placeOf } from './place'

// One of them is looked at.
const Journal = lazy(() => import('./Journal').then((module) => ({ default: module.Journal })))
const Portfolio = lazy(() => import('./Portfolio').then((module) => ({ default: module.Portfolio })))
const Results = lazy(() => import('./Results').then((module) => ({ default: module.Results })))

const TABS = [
  { shown: 'results', name: 'Results', place: PERFORMANCE },
  { shown: 'journal', name: 'Journal', place: JOURNAL_PLACE },
  { shown: 'account', name: 'Account', place: ACCOUNT_PLACE },
] as const

const KEYS: readonly KeyBinding[] = [{ keys: ['n'], meaning: 'New trade', act: () => push(NEW_TRADE) }]
const JOURNAL_KEYS: readonly KeyBinding[] = [
  ...KEYS,
  { keys: ['j', 'k'], meaning: 'Older, newer trade', act: (key) => stepItem(key === 'j' ? 1 : -1) },
  { keys: ['e'], meaning: 'Correct the trade', act: () => document.getElementById('correct')?.click() },
  { keys: ['Ctrl+Enter'], meaning: 'Record what stands in the form' },
]
const FORM_KEYS: readonly KeyBinding[] = [
  ...JOURNAL_KEYS,
  ...chartKeys(),
  { keys: ['ArrowUp', 'ArrowDown'], meaning: 'On a line of the chart: a higher, lower price' },
]

interface Props {
  /** The frame around the page: it listens to the page's keys. */
  Frame: ComponentType<FrameProps>
}

export function PerformancePage({ Frame }: Props) {
  const place = placeOf(useAddress((address) => address.hash))
  const isStarting = useLive(({ health }) => health === null || health.status === 'starting')
  const { all: running } = useTimeframes()
  const tab = place.shown === 'results' || place.shown === 'account' ? place.shown : 'journal'
  const isForm = place.shown === 'new' || place.shown === 'correction'
  const keys = {
    results: [...KEYS, ...timeframeKeys(running, (timeframe) => rescope({ timeframe }))],
    journal: isForm ? FORM_KEYS : JOURNAL_KEYS,
    account: KEYS,
  }[tab]
  return (
    <Frame
      skipLink={<SkipLink to="performance">Skip to the figures</SkipLink>}
      keys={keys}
      help="A trade is what you say you did, elsewhere: nothing is ever ordered from here. A correction is another revision; the ones before stay."
      footer={
        <>
          Analysis only: nothing here can place an order. <a href="/docs">API</a>
        </>
      }
    >
      <HealthBanner />
      <main id="performance" className={styles.main} tabIndex={-1}>
        <div className={styles.head}>
          <Choices accent aria-label="What is shown">
            {TABS.map(({ shown, name, place: to }) => (
              <button key={shown} type="button" aria-pressed={tab === shown} onClick={() => push(to)}>
                {name}
              </button>
            ))}
          </Choices>
          {tab !== 'account' && <ScopePicker timeframe={tab === 'results'} span={tab === 'results'} />}
        </div>
        {isStarting ? (
          <GettingReady />
        ) : (
          <Suspense fallback={<GettingReady />}>
            {place.shown === 'results' ? (
              <Results />
            ) : place.shown === 'account' ? (
              <Portfolio />
            ) : (
              <Journal place={place} />
            )}
          </Suspense>
        )}
      </main>
    </Frame>
  )
}
