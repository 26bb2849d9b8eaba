// Whether anything of a version moved when only its future was changed.

import type { ModelCertificate } from '../contract'
import { countText } from '../lib/format'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import table from '../ui/table.module.css'
import { plainName } from './words'

export function Certificate({ certificate }: { certificate: ModelCertificate | null }) {
  if (certificate === null) return null
  const { checks, left_out: leftOut } = certificate
  const moved = checks.reduce((sum, check) => sum + Object.keys(check.moved).length, 0)
  return (
    <Panel
      title="Certificate: no look ahead"
      aside={<Tag tone={moved === 0 ? 'good' : 'bad'}>{moved === 0 ? 'nothing moved' : `${moved} parts moved`}</Tag>}
    >
      <TableScroll whole label="What was compared">
        <table className={table.numbers}>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">Parts</th>
              <th scope="col">Cuts</th>
              <th scope="col">Values compared</th>
              <th scope="col">Moved</th>
            </tr>
          </thead>
          <tbody>
            {checks.map((check) => (
              <tr key={check.kind}>
                <th scope="row">{plainName(check.kind)}</th>
                <td>{countText(check.parts)}</td>
                <td>{countText(check.cuts)}</td>
                <td>{countText(check.values)}</td>
                <td className={Object.keys(check.moved).length === 0 ? undefined : 'bad'}>
                  {Object.keys(check.moved).join(', ') || '0'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
      {Object.entries(leftOut).map(([kind, reason]) => (
        <p key={kind} className={text.footNote}>
          {plainName(kind)}: {reason}
        </p>
      ))}
    </Panel>
  )
}
