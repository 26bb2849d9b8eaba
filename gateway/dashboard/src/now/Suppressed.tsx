// Why signals opened no idea: how many by each reason, and the last one of each market.

import type { SuppressedItem, SuppressedList } from '../contract'
import { countedText, countText, signedPercent } from '../lib/format'
import { linkToSignal } from '../lib/route'
import type { Answer } from '../lib/useAnswer'
import { DirectionMark } from '../ui/DirectionMark'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { HeadRow } from '../ui/HeadRow'
import { Meter } from '../ui/Meter'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { TableScroll } from '../ui/TableScroll'
import table from '../ui/table.module.css'
import text from '../ui/text.module.css'
import { REASONS } from './words'

interface Props {
  answer: Answer<SuppressedList>
  className: string | undefined
}

export function Suppressed({ answer: { data, error, reload }, className }: Props) {
  return (
    <PlainPanel className={className} aria-label="Why no other idea">
      <PanelHead>
        <h2>Why no other idea</h2>
        {data !== null && <span className={text.aside}>{countedText(data.signals, 'signal')}</span>}
      </PanelHead>
      {error !== null && <Failure error={error} onRetry={reload} />}
      {data === null && error === null && <Skeleton rows={4} label="The reasons are being read" />}
      {data?.signals === 0 && (
        <EmptyState title="No signal has been judged yet">
          <p>Each signal opens an idea or is counted here, by the first reason why not.</p>
        </EmptyState>
      )}
      {data !== null && data.signals > 0 && (
        <>
          <Reasons list={data} />
          <Markets markets={data.markets} />
          <p className={text.footNote}>
            Counted since the first signal; {countText(data.decided)} {data.decided === 1 ? 'idea was' : 'ideas were'}{' '}
            decided meanwhile.
          </p>
        </>
      )}
    </PlainPanel>
  )
}

function Reasons({ list: { reasons, signals } }: { list: SuppressedList }) {
  const counts = Object.entries(reasons).toSorted(([, a], [, b]) => b - a) as [SuppressedItem['reason'], number][]
  return (
    <table className={table.numbers}>
      <caption className="unseen">Signals that opened no idea, by reason</caption>
      <tbody>
        {counts.map(([reason, count]) => (
          <tr key={reason}>
            <th scope="row">{REASONS[reason]}</th>
            <td className={table.bar}>
              <Meter share={count / signals} tone="flat" />
            </td>
            <td>{countText(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Markets({ markets }: { markets: readonly SuppressedItem[] }) {
  return (
    <TableScroll whole label="The last of each market">
      <table className={table.numbers}>
        <caption className={table.heading}>The last of each market</caption>
        <HeadRow names={['Market', 'Signal', 'Expects', 'Not because']} />
        <tbody>
          {markets.map((each) => (
            <tr key={each.subject}>
              <th scope="row">
                {each.symbol} <span className="muted">{each.timeframe}</span>
              </th>
              <td>
                <a href={linkToSignal(each.signal_id)}>
                  <DirectionMark direction={each.direction} />
                </a>
              </td>
              <td>{signedPercent(each.expected_net_return?.mean)}</td>
              <td className={table.wraps}>{REASONS[each.reason]}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}
