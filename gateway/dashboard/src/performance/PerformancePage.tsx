// The performance page: the journal of what a human did, and what it has earned.

import { type ComponentType, useState } from 'react'

import type { TradeList as Trades } from '../contract'
import { push, useAddress, useSymbol } from '../lib/address'
import type { KeyBinding } from '../lib/keys'
import { PERFORMANCE } from '../lib/route'
import { useAnswer } from '../lib/useAnswer'
import { HealthBanner } from '../live/HealthBanner'
import { useLive } from '../live/LiveStore'
import { ScopePicker } from '../live/ScopePicker'
import type { FrameProps } from '../ui/frame'
import layout from '../ui/listAndDetail.module.css'
import { SkipLink } from '../ui/SkipLink'
import { stepItem } from '../ui/stepItem'
import { JournalSummary } from './JournalSummary'
import styles from './PerformancePage.module.css'
import { linkToTrade, NEW_TRADE, placeOf } from './place'
import { NewTrade, TradeCorrection } from './TradeEdit'
import { TradeDetail } from './TradeDetail'
import { type State, TradeList } from './TradeList'

const EVERY_MS = 5_000
const PAGE_SIZE = 100

const KEYS: readonly KeyBinding[] = [
  { keys: ['j', 'k'], meaning: 'Older, newer trade', act: (key) => stepItem(key === 'j' ? 1 : -1) },
  { keys: ['n'], meaning: 'New trade', act: () => push(NEW_TRADE) },
  { keys: ['e'], meaning: 'Correct the trade', act: () => document.getElementById('correct')?.click() },
  { keys: ['Ctrl+Enter'], meaning: 'Record what stands in the form' },
]

interface Props {
  /** The frame around the page: it listens to the page's keys. */
  Frame: ComponentType<FrameProps>
}

export function PerformancePage({ Frame }: Props) {
  const hash = useAddress((address) => address.hash)
  const place = placeOf(hash)
  const symbol = useSymbol()
  const [state, setState] = useState<State>(null)
  const [after, setAfter] = useState<string | null>(null)
  const isStarting = useLive(({ health }) => health === null || health.status === 'starting')
  const answer = useAnswer<Trades>(isStarting ? null : pathOf(symbol, state, after), EVERY_MS)
  const tradeId = place.shown === 'new' ? null : place.tradeId
  const recorded = (id: string) => {
    answer.reload()
    push(linkToTrade(id))
  }
  return (
    <Frame
      skipLink={<SkipLink to="performance">Skip to the trades</SkipLink>}
      keys={KEYS}
      help="A trade is what you say you did, elsewhere: nothing is ever ordered from here. A correction is another revision; the ones before stay."
      footer={
        <>
          Analysis only: nothing here can place an order. <a href="/docs">API</a>
        </>
      }
    >
      <HealthBanner />
      <main id="performance" className={styles.main} tabIndex={-1}>
        <ScopePicker />
        <div className={layout.work}>
          <TradeList
            answer={answer}
            shownId={tradeId}
            state={state}
            isFirst={after === null}
            onState={(next) => {
              setState(next)
              setAfter(null)
            }}
            onPage={setAfter}
          />
          <div className={layout.detail}>
            {place.shown === 'new' ? (
              <NewTrade key={hash} source={place.source} onRecorded={recorded} />
            ) : place.shown === 'correction' ? (
              <TradeCorrection key={hash} tradeId={place.tradeId} onRecorded={recorded} />
            ) : tradeId !== null ? (
              <TradeDetail key={tradeId} tradeId={tradeId} />
            ) : (
              !isStarting && <JournalSummary symbol={symbol} onNew={() => push(NEW_TRADE)} />
            )}
            {hash !== PERFORMANCE && (
              <p>
                <a href={PERFORMANCE}>All of the journal</a>
              </p>
            )}
          </div>
        </div>
      </main>
    </Frame>
  )
}

function pathOf(symbol: string | null, state: State, after: string | null): string {
  const query = new URLSearchParams({ limit: String(PAGE_SIZE) })
  for (const [name, value] of Object.entries({ ticker: symbol, state, after }))
    if (value !== null) query.set(name, value)
  return `/api/trades?${query}`
}
