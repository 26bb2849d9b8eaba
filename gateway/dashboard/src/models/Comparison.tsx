// A version beside the one that served when it was trained: the table, the difference, the verdict.

import type { ModelComparison } from '../contract'
import { countText, stampText, valueText } from '../lib/format'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import styles from './Comparison.module.css'
import table from '../ui/table.module.css'
import { plainName, ruleText } from './words'

const VERDICTS = {
  promote: { words: 'promote', tone: 'good' },
  keep: { words: 'keep the champion', tone: 'bad' },
  manual_review: { words: 'a person decides', tone: 'warn' },
} as const

export function Comparison({ comparison }: { comparison: ModelComparison | null }) {
  if (comparison === null)
    return (
      <Panel title="Champion against this version">
        <p className="muted">It was compared with no version: none served when it was trained.</p>
      </Panel>
    )
  const { champion, rows, from_ms: fromMs, to_ms: toMs, metrics, verdict, reasons } = comparison
  const { words, tone } = VERDICTS[verdict]
  return (
    <Panel title="Champion against this version" aside={<Tag tone={tone}>{words}</Tag>}>
      <ul className={styles.reasons}>
        {reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      <Difference comparison={comparison} />
      <TableScroll whole label="Metrics of both">
        <table className={table.numbers}>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col">Champion</th>
              <th scope="col">This version</th>
              <th scope="col">Must be</th>
              <th scope="col">Weight</th>
            </tr>
          </thead>
          <tbody>
            {metrics.map((row) => (
              <tr key={row.metric}>
                <th scope="row">{plainName(row.metric)}</th>
                <td>{valueText(row.champion)}</td>
                <td className={row.passed ? 'good' : row.required ? 'bad' : 'warn'}>{valueText(row.challenger)}</td>
                <td>{ruleText(row.rule, row.threshold)}</td>
                <td className="muted">
                  {row.weight}
                  {row.required ? ', required' : ''}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
      <p className={text.footNote}>
        {countText(rows)} rows that neither was trained on
        {fromMs !== null && toMs !== null && `, ${stampText(fromMs)} to ${stampText(toMs)}`}. Champion:{' '}
        <code>{champion}</code>.{universalText(comparison)}
      </p>
    </Panel>
  )
}

/** What the universal models alone would gain, where specialists answer too. */
function universalText({ champion_rule: champion, challenger_rule: own, universal_difference: gain }: ModelComparison) {
  if (gain === null || (champion === 'universal' && own === 'universal')) return ''
  return ` What serves is compared: ${own} beside ${champion}. Of the universal models alone the gain is ${valueText(gain)} nats.`
}

/** The gain in log-loss with its interval, drawn about zero. */
function Difference({ comparison }: { comparison: ModelComparison }) {
  const { difference, difference_interval: interval, level } = comparison
  if (difference === null || interval === null) return null
  const reach = Math.max(Math.abs(interval[0]), Math.abs(interval[1]), 1e-12) * 1.15
  const at = (value: number) => `${(50 + (50 * value) / reach).toFixed(2)}%`
  return (
    <figure className={styles.difference}>
      <figcaption>
        Gain in log-loss {valueText(difference)} nats, {Math.round(level * 100)}% interval {valueText(interval[0])} to{' '}
        {valueText(interval[1])}
      </figcaption>
      <svg className={styles.axis} aria-hidden="true">
        <line className={styles.zero} x1="50%" x2="50%" y1="0" y2="100%" />
        <line className={styles.span} x1={at(interval[0])} x2={at(interval[1])} y1="50%" y2="50%" />
        <circle className={styles.mean} cx={at(difference)} cy="50%" r="4" />
      </svg>
    </figure>
  )
}
