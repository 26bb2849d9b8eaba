// How much flows on each topic, how late, and since when nothing has come.

import type { MonitorWindow } from '../contract'
import { durationText } from '../lib/format'
import { EmptyState } from '../ui/EmptyState'
import { TableScroll } from '../ui/TableScroll'
import table from '../ui/table.module.css'

export function RateTable({ windows }: { windows: readonly MonitorWindow[] }) {
  const topics = [...new Set(windows.map((window) => window.topic))]
  if (topics.length === 0)
    return (
      <EmptyState title="The monitor has not reported yet">
        <p>It sums up every ten seconds once records flow.</p>
      </EmptyState>
    )
  return (
    <TableScroll whole label="Rates by topic">
      <table className={table.numbers}>
        <caption className="muted">
          By topic, all symbols; counts are approximate, they include open transactions
        </caption>
        <thead>
          <tr>
            <th scope="col">Topic</th>
            <th scope="col">Per s</th>
            <th scope="col">Late, p50</th>
            <th scope="col">Late, max</th>
            <th scope="col">Silent</th>
          </tr>
        </thead>
        <tbody>
          {topics.map((topic) => {
            const own = windows.filter((window) => window.topic === topic)
            const most = (name: 'lateness_p50_ms' | 'lateness_max_ms' | 'staleness_ms') =>
              durationText(
                own.reduce<number | null>((top, w) => (w[name] === null ? top : Math.max(top ?? 0, w[name])), null),
              )
            return (
              <tr key={topic}>
                <th scope="row">
                  <code>{topic}</code>
                </th>
                <td>{own.reduce((sum, window) => sum + window.per_second, 0).toFixed(1)}</td>
                <td>{most('lateness_p50_ms')}</td>
                <td>{most('lateness_max_ms')}</td>
                <td>{most('staleness_ms')}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </TableScroll>
  )
}
