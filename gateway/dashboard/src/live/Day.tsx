// The day so far, in market time.

import type { PerformanceSummary } from '../contract'
import { countText, dayText, percent, signedPercent } from '../lib/format'
import { KINDS } from '../lib/kinds'
import { HeadRow } from '../ui/HeadRow'
import { Panel } from '../ui/Panel'
import table from '../ui/table.module.css'
import text from '../ui/text.module.css'

interface Props {
  day: PerformanceSummary['today']
  className?: string | undefined
}

export function Day({ day, className }: Props) {
  if (day === null) return null
  return (
    <Panel
      className={className}
      title="The day so far"
      aside={<span className={text.aside}>{dayText(day.from_ms)}, UTC</span>}
    >
      <table className={table.numbers}>
        <HeadRow names={['Kind', 'Ended', 'Won', 'Net return of one']} />
        <tbody>
          {KINDS.map(({ kind, name }) => (
            <tr key={kind}>
              <th scope="row">{name}</th>
              <td>{countText(day[kind]?.trades ?? 0)}</td>
              <td>{percent(day[kind]?.hit_rate)}</td>
              <td>{signedPercent(day[kind]?.expectancy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  )
}
