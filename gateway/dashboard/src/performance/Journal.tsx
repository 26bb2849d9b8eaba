// The journal: its trades on the left; on the right one of them, a form, or what all have earned.

import { useState } from 'react'

import type { TradeList as Trades } from '../contract'
import { push, useSymbol } from '../lib/address'
import { classes } from '../lib/classes'
import { linkToTrade } from '../lib/route'
import { useAnswer } from '../lib/useAnswer'
import layout from '../ui/listAndDetail.module.css'
import { JournalSummary } from './JournalSummary'
import { JOURNAL_PLACE, NEW_TRADE, type Place } from './place'
import { TradeDetail } from './TradeDetail'
import { NewTrade, TradeCorrection } from './TradeEdit'
import { type State, TradeList } from './TradeList'

const EVERY_MS = 5_000
const PAGE_SIZE = 100

export function Journal({ place }: { place: Exclude<Place, { shown: 'results' | 'account' }> }) {
  const symbol = useSymbol()
  const [state, setState] = useState<State>(null)
  const [after, setAfter] = useState<string | null>(null)
  const answer = useAnswer<Trades>(pathOf(symbol, state, after), EVERY_MS)
  const tradeId = place.shown === 'new' ? null : place.tradeId
  const isWhole = place.shown === 'journal' && tradeId === null
  const recorded = (id: string) => {
    answer.reload()
    push(linkToTrade(id))
  }
  return (
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
      <div className={classes(layout.detail, !isWhole && layout.opened)}>
        {place.shown === 'new' ? (
          <NewTrade key={place.source?.id} source={place.source} onRecorded={recorded} />
        ) : place.shown === 'correction' ? (
          <TradeCorrection key={place.tradeId} tradeId={place.tradeId} onRecorded={recorded} />
        ) : tradeId !== null ? (
          <TradeDetail key={tradeId} tradeId={tradeId} />
        ) : (
          <JournalSummary symbol={symbol} onNew={() => push(NEW_TRADE)} />
        )}
        {!isWhole && (
          <p>
            <a href={JOURNAL_PLACE}>All of the journal</a>
          </p>
        )}
      </div>
    </div>
  )
}

function pathOf(symbol: string | null, state: State, after: string | null): string {
  const query = new URLSearchParams({ limit: String(PAGE_SIZE) })
  for (const [name, value] of Object.entries({ ticker: symbol, state, after }))
    if (value !== null) query.set(name, value)
  return `/api/trades?${query}`
}
