// How often signals of each grade came true, and what they brought.

import type { ScoreRow, ScoreSpan } from '../contract'
import { classes } from '../lib/classes'
import { countText, percent, signedPercent, stampText } from '../lib/format'
import { TableScroll } from '../ui/TableScroll'
import text from '../ui/text.module.css'
import styles from './HitRates.module.css'

export const FEW_OUTCOMES = 30 // fewer than this prove nothing

const NAMES: Record<string, string> = { directional: 'All directional', neutral: 'Neutral' }

export function HitRates({ rows, span }: { rows: ScoreRow[]; span: ScoreSpan | null }) {
  return (
    <TableScroll className={styles.scroll} label="Hit rates by grade">
      <table className={styles.rates}>
        <caption className="unseen">Hit rate with its 95% interval, and return, by grade</caption>
        <thead>
          <tr>
            <th scope="col">Group</th>
            <th scope="col">n</th>
            <th scope="col">Hit rate, 95%</th>
            <th scope="col">
              <span className="unseen">Interval</span>
              <span className={styles.axis} aria-hidden="true">
                <i>0</i>
                <i>50</i>
                <i>100</i>
              </span>
            </th>
            <th scope="col" title="Mean net return after costs">
              Net
            </th>
            <th scope="col" title="Mean confidence minus hit rate">
              Over-conf.
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Rate key={row.group} row={row} />
          ))}
        </tbody>
      </table>
      <p className={text.footNote}>
        {span && `Every signal that expired, from ${stampText(span.from_ms)} to ${stampText(span.to_ms)}. `}
        Faint rows have fewer than {FEW_OUTCOMES} known outcomes: too few to judge. The interval rests on outcomes that
        do not overlap, and holds however often you look. Net is the mean return after fees, slippage and funding.
      </p>
    </TableScroll>
  )
}

function Rate({ row }: { row: ScoreRow }) {
  const { hit_rate: rate, hit_rate_low: low, hit_rate_high: high, mean_net_return: net, calibration_gap: gap } = row
  const unknown = row.signals - row.known
  return (
    <tr className={classes(row.known < FEW_OUTCOMES && styles.few)}>
      <th scope="row">{NAMES[row.group] ?? `Grade ${row.group}`}</th>
      <td title={unknown ? `${unknown} more have an unknown outcome` : ''}>{countText(row.known)}</td>
      <td>
        {rate === null ? (
          'unknown'
        ) : (
          <>
            <b>{percent(rate)}</b>{' '}
            {low !== null && (
              <span className="muted">
                {percent(low)}–{percent(high)}
              </span>
            )}
            {row.refuted && <span className="bad"> below its {percent(row.promise)}</span>}
          </>
        )}
      </td>
      <td>
        {rate !== null && low !== null && high !== null && (
          <svg className={styles.whisker} viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
            <line className={styles.middle} x1="50" x2="50" y1="0" y2="10" />
            <line className={styles.range} x1={low * 100} x2={high * 100} y1="5" y2="5" />
            <line className={styles.point} x1={rate * 100 - 1} x2={rate * 100 + 1} y1="5" y2="5" />
          </svg>
        )}
      </td>
      <td className={row.group === 'neutral' || net === null ? 'muted' : net < 0 ? 'bad' : 'good'}>
        {row.group === 'neutral' ? '–' : signedPercent(net)}
      </td>
      <td>{gap === null ? '–' : signedPercent(gap, 0)}</td>
    </tr>
  )
}
