// Every change of a version's stage, newest first: when, why, by whom.

import type { ModelStageChanged } from '../contract'
import { stampText } from '../lib/format'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import { StageTag } from './StageTag'
import table from '../ui/table.module.css'

export function StageHistory({ changes }: { changes: readonly ModelStageChanged[] }) {
  return (
    <Panel title="How it came here">
      <TableScroll whole label="Changes of the stage">
        <table className={table.numbers}>
          <thead>
            <tr>
              <th scope="col">Market time</th>
              {['Stage', 'Why', 'By'].map((name) => (
                <th key={name} scope="col" className={table.text}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...changes].reverse().map((change) => (
              <tr key={change.revision}>
                <th scope="row">{stampText(change.event_time_ms)}</th>
                <td className={table.text}>
                  <StageTag stage={change.to_stage} />
                </td>
                <td className={table.text}>{change.reason}</td>
                <td className={table.text}>{change.by}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </Panel>
  )
}
