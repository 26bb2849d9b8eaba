// One trade of the journal: what was done, what it earned, and every revision of it.

import type { JournalEntry, TradeDetails } from '../contract'
import { useDenial } from '../lib/access'
import { push } from '../lib/address'
import { amountText, signedDollars, signedPercent, stampText, timeframeText } from '../lib/format'
import { linkToSignal } from '../lib/route'
import { useAnswer } from '../lib/useAnswer'
import { Button } from '../ui/Button'
import { DirectionMark } from '../ui/DirectionMark'
import { Failure } from '../ui/Failure'
import { HeadRow } from '../ui/HeadRow'
import { ItemFact, ItemFacts } from '../ui/ItemFacts'
import styles from '../ui/itemHead.module.css'
import { Panel, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { TableScroll } from '../ui/TableScroll'
import table from '../ui/table.module.css'
import text from '../ui/text.module.css'
import { linkToCorrection } from './place'
import { TradeTag } from './TradeTag'

const EVERY_MS = 5_000

export function TradeDetail({ tradeId }: { tradeId: string }) {
  const { data, error } = useAnswer<TradeDetails>(`/api/trades/${encodeURIComponent(tradeId)}`, EVERY_MS)
  const denied = useDenial('operate')
  if (data === null)
    return (
      <PlainPanel aria-label="Trade">
        {error === null ? <Skeleton rows={4} label="The trade is being read" /> : <Failure error={error} />}
      </PlainPanel>
    )
  return (
    <>
      <PlainPanel className={styles.head} aria-label="Trade">
        <div className={styles.title}>
          <p className={text.eyebrow}>
            {data.trade.action}, {data.strategy_name}
          </p>
          <h2>
            {data.symbol} <DirectionMark direction={data.trade.side} /> <TradeTag trade={data} />
          </h2>
          {data.trade.notes !== '' && <p className={text.lead}>{data.trade.notes}</p>}
        </div>
        <div className={styles.actions}>
          <Button id="correct" disabled={denied !== null} onClick={() => push(linkToCorrection(tradeId))}>
            Correct <kbd aria-hidden="true">e</kbd>
          </Button>
          {denied !== null && <p className={text.aside}>{denied}.</p>}
        </div>
        <Facts trade={data} />
        {data.grounds !== null && (
          <p className={text.footNote}>
            About <a href={linkToSignal(data.grounds.signal_id)}>the signal</a> of{' '}
            {stampText(data.grounds.event_time_ms)}, grade {data.grounds.grade},{' '}
            {timeframeText(data.grounds.timeframe_ms)}, in a {data.grounds.regime} market.
          </p>
        )}
      </PlainPanel>
      <Revisions history={data.history} />
    </>
  )
}

function Facts({ trade: { trade, result } }: { trade: TradeDetails }) {
  return (
    <ItemFacts>
      <ItemFact name="Entry" value={amountText(trade.entry)} note={stampText(trade.opened_ms)} />
      {trade.closed_ms !== null && (
        <ItemFact name="Exit" value={amountText(trade.exit)} note={stampText(trade.closed_ms)} />
      )}
      <ItemFact name="Quantity" value={amountText(trade.quantity)} />
      <ItemFact
        name="Fees"
        value={amountText(trade.fees)}
        {...(result?.fees_assumed ? { note: "a taker's assumed" } : {})}
      />
      {result !== null && (
        <>
          <ItemFact name="Net return" value={signedPercent(result.net_return)} />
          <ItemFact name="Before costs" value={signedPercent(result.gross_return)} />
          <ItemFact name="Profit" value={signedDollars(result.profit)} title={amountText(result.profit)} />
        </>
      )}
    </ItemFacts>
  )
}

function Revisions({ history }: { history: readonly JournalEntry[] }) {
  return (
    <Panel title="Revisions">
      <TableScroll whole label="What each revision says">
        <table className={table.numbers}>
          <HeadRow names={['Revision', 'Entry', 'Exit', 'Quantity', 'Fees', 'By', 'When']} />
          <tbody>
            {history.toReversed().map(({ revision, trade, by, reason, event_time_ms: at }) => (
              <tr key={revision}>
                <th scope="row">
                  {revision}, {trade.action}
                  {reason !== '' && <span className={table.reason}>{reason}</span>}
                </th>
                <td>{amountText(trade.entry)}</td>
                <td>{amountText(trade.exit)}</td>
                <td>{amountText(trade.quantity)}</td>
                <td>{amountText(trade.fees)}</td>
                <td>{by}</td>
                <td>{stampText(at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </Panel>
  )
}
