// The trades of the journal, those that were added last first.

import type { TradeList as Trades, TradeView } from '../contract'
import { useDenial } from '../lib/access'
import { push } from '../lib/address'
import { classes } from '../lib/classes'
import { priceText, stampText } from '../lib/format'
import { linkToTrade } from '../lib/route'
import type { Answer } from '../lib/useAnswer'
import { Button } from '../ui/Button'
import { Choices } from '../ui/Choices'
import { DirectionMark } from '../ui/DirectionMark'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import styles from '../ui/sideList.module.css'
import { Skeleton } from '../ui/Skeleton'
import { NEW_TRADE } from './place'
import { TradeTag } from './TradeTag'

export type State = TradeView['state'] | null

const STATES: readonly [state: State, name: string][] = [
  [null, 'All'],
  ['open', 'Open'],
  ['closed', 'Closed'],
  ['passed', 'Passed'],
]

interface Props {
  answer: Answer<Trades>
  shownId: string | null
  state: State
  /** Whether these are the trades that were added last. */
  isFirst: boolean
  onState: (state: State) => void
  /** Turn to the trades that were added before one; null: to the newest. */
  onPage: (after: string | null) => void
}

export function TradeList({ answer, shownId, state, isFirst, onState, onPage }: Props) {
  const { data, error, reload } = answer
  const denied = useDenial('operate')
  return (
    <PlainPanel className={styles.panel} aria-label="Journal">
      <div className={styles.head}>
        <div className={styles.line}>
          <h2>Journal</h2>
          <Choices aria-label="Trades shown">
            {STATES.map(([each, name]) => (
              <button key={name} type="button" aria-pressed={each === state} onClick={() => onState(each)}>
                {name}
              </button>
            ))}
          </Choices>
        </div>
        <Button className={styles.write} disabled={denied !== null} onClick={() => push(NEW_TRADE)}>
          New trade <kbd aria-hidden="true">n</kbd>
        </Button>
        {denied !== null && <p className={classes(styles.note, 'muted')}>{denied}.</p>}
      </div>
      {error !== null && <Failure error={error} onRetry={reload} />}
      {data === null && error === null && (
        <Skeleton className={styles.ghosts} rows={4} label="The journal is being read" />
      )}
      {data?.trades.length === 0 && (
        <EmptyState title={state === null ? 'No trade is recorded yet' : 'No trade is like that'} />
      )}
      <nav id="versions" className={styles.versions} aria-label="Trades, newest first">
        {data?.trades.map((trade) => (
          <TradeLink key={trade.trade_id} trade={trade} isShown={trade.trade_id === shownId} />
        ))}
      </nav>
      {(!isFirst || (data !== null && data.after !== null)) && (
        <div className={styles.head}>
          <div className={styles.line}>
            <Button disabled={isFirst} onClick={() => onPage(null)}>
              Newest
            </Button>
            <Button disabled={data === null || data.after === null} onClick={() => onPage(data?.after ?? null)}>
              Older
            </Button>
          </div>
        </div>
      )}
    </PlainPanel>
  )
}

function TradeLink({ trade, isShown }: { trade: TradeView; isShown: boolean }) {
  const { side, entry, exit, opened_ms: opened } = trade.trade
  const prices = [entry, exit].filter((price) => price !== null).map((price) => priceText(Number(price)))
  return (
    <a
      className={styles.version}
      href={linkToTrade(trade.trade_id)}
      {...(isShown ? { 'aria-current': 'true' as const } : {})}
    >
      <b>
        {trade.symbol} <DirectionMark direction={side} />
      </b>
      <TradeTag trade={trade} />
      {prices.length > 0 && <span className={styles.description}>{prices.join(' → ')}</span>}
      <span className={classes(styles.when, 'muted')}>{stampText(opened)}</span>
    </a>
  )
}
