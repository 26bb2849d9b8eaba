// How the last ideas ended, and what each came to after costs.

import type { IdeaItem, IdeaList } from '../contract'
import { ratioText, signedPercent, stampText } from '../lib/format'
import { linkToIdea } from '../lib/route'
import type { Answer } from '../lib/useAnswer'
import { DirectionMark } from '../ui/DirectionMark'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { HeadRow } from '../ui/HeadRow'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import table from '../ui/table.module.css'
import { endText } from './words'

export function ClosedIdeas({ answer: { data, error } }: { answer: Answer<IdeaList> }) {
  return (
    <Panel title="Ended last">
      {error !== null && <Failure error={error} />}
      {data?.ideas.length === 0 && <EmptyState title="No idea has ended yet" />}
      {data !== null && data.ideas.length > 0 && (
        <TableScroll whole label="Ideas that have ended">
          <table className={table.numbers}>
            <HeadRow names={['Idea', 'Net return', 'R', 'Expected', 'It ended']} />
            <tbody>
              {data.ideas.map((idea) => (
                <Row key={idea.idea_id} idea={idea} />
              ))}
            </tbody>
          </table>
        </TableScroll>
      )}
    </Panel>
  )
}

function Row({ idea }: { idea: IdeaItem }) {
  const { net_return: net } = idea
  return (
    <tr>
      <th scope="row">
        <a href={linkToIdea(idea.idea_id)}>
          {idea.symbol} <DirectionMark direction={idea.side} />
        </a>
      </th>
      <td className={net === null ? 'muted' : net > 0 ? 'good' : 'bad'}>{signedPercent(net)}</td>
      <td>{ratioText(idea.r_multiple)}</td>
      <td>{signedPercent(idea.expected_net_return.mean)}</td>
      <td className={table.wraps} title={idea.closed_ms === null ? undefined : stampText(idea.closed_ms)}>
        {endText(idea)}
      </td>
    </tr>
  )
}
