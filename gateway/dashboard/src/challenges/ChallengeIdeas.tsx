// Ideas of both models of a challenge, each taken as if it served: what they came to, and the last ones.

import type { ChallengeIdeas as Ideas, ShadowResult, TradeFigures } from '../contract'
import { countText, percent, ratioText, signedPercent, stampText } from '../lib/format'
import { DirectionMark } from '../ui/DirectionMark'
import { HeadRow } from '../ui/HeadRow'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import table from '../ui/table.module.css'
import text from '../ui/text.module.css'

const VARIANTS = [
  ['champion', 'Champion'],
  ['challenger', 'Challenger'],
] as const
const SHOWN = 10

export function ChallengeIdeas({ ideas }: { ideas: Ideas }) {
  return (
    <Panel title="Ideas of both, on paper">
      <TableScroll whole label="What ideas of both models came to">
        <table className={table.numbers}>
          <HeadRow names={['Model', 'Ideas', 'Won', 'Net return of one', 'R', 'Sum']} />
          <tbody>
            {VARIANTS.map(([variant, name]) => (
              <Figures key={variant} name={name} figures={ideas[variant]} />
            ))}
          </tbody>
        </table>
      </TableScroll>
      {ideas.newest.length > 0 && (
        <TableScroll whole className={table.apart} label="The last ideas of both models">
          <table className={table.numbers}>
            <HeadRow names={['Idea', 'Model', 'Net return', 'R', 'Ended by', 'At']} />
            <tbody>
              {ideas.newest.slice(0, SHOWN).map((shadow) => (
                <Row key={shadow.variant + shadow.result.trade_id} shadow={shadow} />
              ))}
            </tbody>
          </table>
        </TableScroll>
      )}
      <p className={text.footNote}>
        Each model is taken as if it served, by the same config, exits and costs. An idea ends within its horizon, so
        the first come later than the first outcomes. They inform; the interval above decides.
      </p>
    </Panel>
  )
}

function Figures({ name, figures }: { name: string; figures: TradeFigures }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{countText(figures.trades)}</td>
      <td>{percent(figures.hit_rate, 1)}</td>
      <td>{signedPercent(figures.expectancy)}</td>
      <td>{ratioText(figures.expectancy_r)}</td>
      <td>{signedPercent(figures.net_return)}</td>
    </tr>
  )
}

function Row({ shadow: { variant, result } }: { shadow: ShadowResult }) {
  const { net_return: net } = result
  return (
    <tr>
      <th scope="row">
        {result.symbol} <DirectionMark direction={result.side} />
      </th>
      <td>{variant}</td>
      <td className={net > 0 ? 'good' : 'bad'}>{signedPercent(net)}</td>
      <td>{ratioText(result.r_multiple)}</td>
      <td>{result.exit_reason ?? '–'}</td>
      <td>{stampText(result.closed_ms)}</td>
    </tr>
  )
}
