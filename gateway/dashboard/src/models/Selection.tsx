// Who answers for a version: the universal model or specialists of the regimes, and what decided it.

import type { ModelSelection, SelectionTest, Specialist } from '../contract'
import { countText, percent, valueText } from '../lib/format'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import table from '../ui/table.module.css'
import { plainName } from './words'

const RULES = {
  universal: 'the universal model answers',
  argmax: 'the heaviest specialist answers',
  blend: 'specialists answer by weight',
} as const

export function Selection({ selection }: { selection: ModelSelection | null }) {
  if (selection === null) return null
  const { rule, reason, specialists, tests } = selection
  return (
    <Panel title="Who answers" aside={<Tag tone={rule === 'universal' ? 'muted' : 'good'}>{RULES[rule]}</Tag>}>
      <p className={table.lead}>{plainName(reason)}.</p>
      {specialists.length > 0 && <Specialists specialists={specialists} />}
      {tests.map((test) => (
        <p key={test.rule} className={text.footNote}>
          {testText(test)}
        </p>
      ))}
    </Panel>
  )
}

function Specialists({ specialists }: { specialists: readonly Specialist[] }) {
  return (
    <TableScroll whole label="Specialists in their regimes">
      <table className={table.numbers}>
        <thead>
          <tr>
            <th scope="col">Specialist</th>
            <th scope="col">Effective rows</th>
            <th scope="col">Log-loss</th>
            <th scope="col">Universal there</th>
          </tr>
        </thead>
        <tbody>
          {specialists.map((one) => (
            <tr key={one.name}>
              <th scope="row">
                {plainName(one.name)}
                <span className={table.reason}>{one.reason}</span>
              </th>
              <td>{one.effective_rows === null ? '–' : countText(Math.round(one.effective_rows))}</td>
              <td className={one.qualified ? 'good' : undefined}>{valueText(one.log_loss)}</td>
              <td>{valueText(one.universal_log_loss)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

function testText({ rule, beats, difference, interval, level, rows }: SelectionTest): string {
  const edges = interval === null ? 'too few blocks of time' : `${valueText(interval[0])} to ${valueText(interval[1])}`
  const verdict = beats ? 'beats' : 'does not beat'
  const sure = interval === null ? '' : ` at ${percent(level, 1)}`
  return `${plainName(rule)} ${verdict} the universal model${sure}: ${valueText(difference)} nats a row (${edges}), ${countText(rows)} rows out of sample.`
}
