// The chart's twin for who cannot see it, or wants the numbers: the newest bars as a table.

import type { SignalItem } from '../../contract'
import { closeText, percent, priceText, sizeText } from '../../lib/format'
import { DirectionMark } from '../../ui/DirectionMark'
import { HeadRow } from '../../ui/HeadRow'
import { TableScroll } from '../../ui/TableScroll'
import type { Series } from '../fold'

const ROWS = 60

export function BarTable({ series, signals }: { series: Series; signals: readonly SignalItem[] }) {
  const regimes = new Map(series.regimes.slice(-ROWS - 5).map((r) => [r.event_time_ms, r]))
  const byClose = new Map(signals.map((signal) => [signal.event_time_ms, signal]))
  return (
    <TableScroll label="Bars as a table">
      <table>
        <caption className="unseen">The newest {ROWS} bars with regimes and signals, newest first</caption>
        <HeadRow
          names={['Close, UTC', 'Open', 'High', 'Low', 'Close', 'Volume', 'Bull', 'Side', 'Bear', 'Entropy', 'Signal']}
        />
        <tbody>
          {series.bars
            .slice(-ROWS)
            .toReversed()
            .map((bar) => {
              const regime = regimes.get(bar.event_time_ms)
              const signal = byClose.get(bar.event_time_ms)
              return (
                <tr key={bar.event_time_ms}>
                  <th scope="row">{closeText(bar.event_time_ms)}</th>
                  {[bar.open, bar.high, bar.low, bar.close].map((price, place) => (
                    <td key={place}>{priceText(price, bar.close)}</td>
                  ))}
                  <td>{sizeText(bar.volume)}</td>
                  <td>{percent(regime?.bull)}</td>
                  <td>{percent(regime?.sideways)}</td>
                  <td>{percent(regime?.bear)}</td>
                  <td>{regime?.entropy.toFixed(2) ?? '–'}</td>
                  <td>
                    {signal && (
                      <>
                        <DirectionMark direction={signal.direction} /> {signal.grade}
                      </>
                    )}
                  </td>
                </tr>
              )
            })}
        </tbody>
      </table>
    </TableScroll>
  )
}
