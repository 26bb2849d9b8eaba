// The account of a key that may only read: what it is worth, what it holds, and how near that is to its end.

import type { BalanceView, ExposureView, PositionList, PositionView } from '../contract'
import { clockText, countText, dollars, percent, priceText, ratioText, signedDollars } from '../lib/format'
import { useDenial } from '../lib/access'
import { type Answer, useAnswer } from '../lib/useAnswer'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { HeadRow } from '../ui/HeadRow'
import { ItemFact, ItemFacts } from '../ui/ItemFacts'
import { Panel, PanelHead, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { TableScroll } from '../ui/TableScroll'
import table from '../ui/table.module.css'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import styles from './Results.module.css'

const EVERY_MS = 5_000
const UNAVAILABLE = 503

export function Portfolio() {
  const denied = useDenial('operate')
  const balance = useAnswer<BalanceView>(denied === null ? '/api/portfolio/balance' : null, EVERY_MS)
  const isThere = balance.data !== null
  const positions = useAnswer<PositionList>(isThere ? '/api/portfolio/positions' : null, EVERY_MS)
  const exposure = useAnswer<ExposureView>(isThere ? '/api/portfolio/exposure' : null, EVERY_MS)
  if (denied !== null)
    return (
      <PlainPanel aria-label="No account">
        <EmptyState title="The account is shown to those who may operate">
          <p>{denied}.</p>
        </EmptyState>
      </PlainPanel>
    )
  if (balance.data === null || balance.error?.status === UNAVAILABLE) return <NoAccount answer={balance} />
  return (
    <div className={styles.results}>
      {balance.error !== null && <Failure error={balance.error} onRetry={balance.reload} />}
      <Balance balance={balance.data} />
      <div className={styles.pair}>
        <Positions list={positions.data} />
        <Exposure exposure={exposure.data} />
      </div>
    </div>
  )
}

function NoAccount({ answer: { error, reload } }: { answer: Answer<BalanceView> }) {
  return (
    <PlainPanel aria-label="No account">
      {error === null ? (
        <Skeleton rows={4} label="The account is being read" />
      ) : error.status === UNAVAILABLE ? (
        <EmptyState title="No account is shown">
          <p>{error.message}.</p>
          <p>
            Balance, positions and exposure then stand here, read every 15 seconds. A key that can trade or withdraw is
            refused. Nothing else needs a key.
          </p>
        </EmptyState>
      ) : (
        <Failure error={error} onRetry={reload} />
      )}
    </PlainPanel>
  )
}

function Balance({ balance: b }: { balance: BalanceView }) {
  const { day } = b
  return (
    <PlainPanel aria-label="Balance">
      <PanelHead>
        <h2>{dollars(b.equity)} equity</h2>
        {b.stale && <Tag tone="warn">not read any more</Tag>}
        <span className={text.aside}>
          {b.venue}, {clockText(b.event_time_ms)} UTC
        </span>
      </PanelHead>
      <ItemFacts>
        <ItemFact name="Wallet" value={dollars(b.wallet_balance)} />
        <ItemFact name="Unrealised" value={signedDollars(b.unrealized_profit)} />
        <ItemFact name="Available" value={dollars(b.available)} />
        <ItemFact
          name="Margin"
          value={dollars(b.initial_margin)}
          note={`at least ${dollars(b.maintenance_margin)} to keep`}
        />
        <ItemFact name="Margin ratio" value={percent(b.margin_ratio, 1)} note="at 100% positions are closed" />
        <ItemFact
          name="Booked today"
          value={signedDollars(b.day_result)}
          note={[
            `trades ${signedDollars(day.realized_profit)}`,
            `fees ${signedDollars(day.commission)}`,
            `funding ${signedDollars(day.funding)}`,
          ].join(', ')}
        />
      </ItemFacts>
      {day.unvalued.length > 0 && (
        <p className={text.footNote}>Booked in {day.unvalued.join(', ')} too: that is in no sum.</p>
      )}
    </PlainPanel>
  )
}

function Positions({ list }: { list: PositionList | null }) {
  return (
    <Panel
      title="Positions"
      aside={list && <span className={text.aside}>{countText(list.positions.length)} open</span>}
    >
      {list === null ? (
        <Skeleton rows={3} label="The positions are being read" />
      ) : list.positions.length === 0 ? (
        <EmptyState title="No position is open" />
      ) : (
        <TableScroll whole label="Open positions">
          <table className={table.numbers}>
            <HeadRow
              names={['Market', 'Quantity', 'Entry', 'Mark', 'Notional', 'Of equity', 'Unrealised', 'To liquidation']}
            />
            <tbody>
              {list.positions.map((position) => (
                <Position key={`${position.symbol} ${position.side}`} position={position} />
              ))}
            </tbody>
          </table>
        </TableScroll>
      )}
    </Panel>
  )
}

function Position({ position: p }: { position: PositionView }) {
  return (
    <tr>
      <th scope="row">
        {p.symbol} <span className={p.side === 'long' ? 'up' : 'down'}>{p.side}</span>
      </th>
      <td>{p.quantity}</td>
      <td>{priceText(p.entry_price)}</td>
      <td>{priceText(p.mark_price, p.entry_price)}</td>
      <td>{dollars(p.notional)}</td>
      <td>{percent(p.share)}</td>
      <td>{signedDollars(p.unrealized_profit)}</td>
      <td>
        {percent(p.liquidation_distance, 1)}
        {p.liquidation_price !== null && (
          <span className={table.bounds}>{priceText(p.liquidation_price, p.entry_price)}</span>
        )}
      </td>
    </tr>
  )
}

function Exposure({ exposure: e }: { exposure: ExposureView | null }) {
  return (
    <Panel title="Exposure" aside={e && <span className={text.aside}>{ratioText(e.leverage)} × equity</span>}>
      {e === null ? (
        <Skeleton rows={3} label="The exposure is being read" />
      ) : e.gross === 0 ? (
        <EmptyState title="Nothing is held of any market" />
      ) : (
        <TableScroll whole label="Exposure by market">
          <table className={table.numbers}>
            <HeadRow names={['Market', 'Long', 'Short', 'Net', 'Of equity']} />
            <tbody>
              {e.symbols.map((each) => (
                <tr key={each.symbol}>
                  <th scope="row">{each.symbol}</th>
                  <td>{dollars(each.long)}</td>
                  <td>{dollars(each.short)}</td>
                  <td>{signedDollars(each.net)}</td>
                  <td>{percent(each.share)}</td>
                </tr>
              ))}
              <tr className={table.best}>
                <th scope="row">All</th>
                <td>{dollars(e.long)}</td>
                <td>{dollars(e.short)}</td>
                <td>{signedDollars(e.net)}</td>
                <td>{percent(e.leverage)}</td>
              </tr>
            </tbody>
          </table>
        </TableScroll>
      )}
    </Panel>
  )
}
