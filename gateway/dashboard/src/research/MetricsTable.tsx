// Runs and benchmarks in rows, their numbers in columns.

import { classes } from '../lib/classes'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import { COLUMNS, valueOf } from './metricColumns'
import type { Metrics } from './result'
import table from './table.module.css'

export function MetricsTable({
  title,
  rows,
}: {
  title: string
  rows: readonly { name: string; metrics: Metrics; strong?: boolean }[]
}) {
  return (
    <Panel title={title}>
      <TableScroll whole label={`${title}, as a table`}>
        <table className={table.numbers}>
          <caption className="unseen">{title}</caption>
          <thead>
            <tr>
              <th scope="col">
                <span className="unseen">Run</span>
              </th>
              {COLUMNS.map(({ name, label }) => (
                <th key={name} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, metrics, strong }) => (
              <tr key={name} className={classes(strong && table.strong)}>
                <th scope="row">{name}</th>
                {COLUMNS.map((column) => (
                  <td key={column.name}>{column.text(valueOf(metrics, column.name))}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </Panel>
  )
}
