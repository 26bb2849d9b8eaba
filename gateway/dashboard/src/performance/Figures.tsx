// The figures of the three kinds, a line each, with their bounds.

import type { TradeFigures } from '../contract'
import { countText, daysText, percent, ratioText, signedPercent } from '../lib/format'
import { KINDS, type ThreeFigures, toneOf } from '../lib/kinds'
import { EmptyState } from '../ui/EmptyState'
import { HeadRow } from '../ui/HeadRow'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import table from '../ui/table.module.css'
import { Term } from '../ui/Term'
import text from '../ui/text.module.css'

const COLUMNS = ['Kind', 'Trades', 'Won', 'Net return of one', 'Expected', 'R', 'Profit factor', 'Deepest fall']
const SUMS = ['Costs', 'Held', 'Sum', 'Buy and hold']

export function Figures({ figures }: { figures: ThreeFigures }) {
  const shown = KINDS.filter(({ kind }) => figures[kind] !== null)
  return (
    <PlainPanel aria-label="Figures">
      <PanelHead>
        <h2>What was earned after costs</h2>
        <span className={text.aside}>
          <Term word="Won" />
        </span>
      </PanelHead>
      {shown.length === 0 ? (
        <EmptyState title="Nothing has ended yet">
          <p>
            An idea counts once it has ended, a call once its horizon is over, a trade of yours once it has an exit.
          </p>
        </EmptyState>
      ) : (
        <TableScroll whole label="Figures of ideas, journal and calls">
          <table className={table.numbers}>
            <HeadRow names={[...COLUMNS, ...SUMS]} />
            <tbody>
              {shown.map(({ kind, name, meaning }) => (
                <tr key={kind}>
                  <th scope="row">
                    {name}
                    <span className={table.reason}>{meaning}</span>
                  </th>
                  <Cells figures={figures[kind]!} />
                </tr>
              ))}
            </tbody>
          </table>
        </TableScroll>
      )}
      <p className={text.footNote}>
        Bounds are of 95 % at all looks together, by whole days; a dash means that there are too few. The deepest fall
        and the sum are of equal stakes.
      </p>
    </PlainPanel>
  )
}

/** How many trades, how many of them won, and what one earned. */
export function ResultCells({ figures: f }: { figures: TradeFigures }) {
  return (
    <>
      <td>{countText(f.trades)}</td>
      <td>
        {percent(f.hit_rate)}
        <Bounds words={percent} low={f.hit_rate_low} high={f.hit_rate_high} />
      </td>
      <td className={toneOf(f.expectancy_low, f.expectancy_high)}>
        {signedPercent(f.expectancy)}
        <Bounds words={signedPercent} low={f.expectancy_low} high={f.expectancy_high} />
      </td>
    </>
  )
}

function Cells({ figures: f }: { figures: TradeFigures }) {
  return (
    <>
      <ResultCells figures={f} />
      <td>{signedPercent(f.expected)}</td>
      <td className={toneOf(f.expectancy_r_low, f.expectancy_r_high)}>
        {ratioText(f.expectancy_r)}
        {f.expectancy_r !== null && <Bounds words={ratioText} low={f.expectancy_r_low} high={f.expectancy_r_high} />}
      </td>
      <td>{ratioText(f.profit_factor)}</td>
      <td>{percent(f.max_drawdown, 2)}</td>
      <td>{percent(f.cost_share)}</td>
      <td>{f.average_hold_ms === null ? '–' : daysText(f.average_hold_ms)}</td>
      <td>{signedPercent(f.net_return)}</td>
      <td>{signedPercent(f.buy_and_hold)}</td>
    </>
  )
}

interface BoundsProps {
  words: (value: number) => string
  low: number | null
  high: number | null
}

function Bounds({ words, low, high }: BoundsProps) {
  return <span className={table.bounds}>{low === null || high === null ? '–' : `${words(low)} to ${words(high)}`}</span>
}
