// Returns month by month and year by year.

import type { ReactNode } from 'react'

import { signedPercent } from '../lib/format'
import { Panel } from './Panel'
import { TableScroll } from './TableScroll'
import text from './text.module.css'
import styles from './MonthTable.module.css'
import { softTint } from './tint'

/** Returns of a year, month by month; null: none. */
export interface Year {
  year: number
  months: readonly (number | null)[]
  total: number
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export function MonthTable({ years, aside }: { years: readonly Year[]; aside?: ReactNode }) {
  const all = years.flatMap(({ months }) => months).filter((value) => value !== null)
  const largest = Math.max(...all.map(Math.abs), 0.001)
  const lost = all.filter((value) => value < 0).length
  return (
    <Panel
      title="Months"
      aside={
        <>
          <span className={text.aside}>{`${lost} of ${all.length} lost`}</span>
          {aside}
        </>
      }
    >
      <TableScroll whole label="Returns by month">
        <table className={styles.months}>
          <caption className="unseen">Return of each month and year</caption>
          <thead>
            <tr>
              <th scope="col">Year</th>
              {MONTHS.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
              <th scope="col">Year</th>
            </tr>
          </thead>
          <tbody>
            {years.map(({ year, months, total }) => (
              <tr key={year}>
                <th scope="row">{year}</th>
                {months.map((value, month) => (
                  <td key={month} style={value === null ? {} : { background: softTint(value, largest) }}>
                    {value === null ? '' : signedPercent(value, 1).replace('%', '')}
                  </td>
                ))}
                <td className={styles.total}>{signedPercent(total, 1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </Panel>
  )
}
