// Walk-forward: on which stretch each set was chosen, on which it traded, and what of it was left.

import { classes } from '../lib/classes'
import { dayText, ratioText, signedPercent } from '../lib/format'
import { Legend } from '../ui/Legend'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import { numberText, paramsText, type Step, type WalkForwardResult } from './result'
import { linear, timeTicks } from '../ui/plot/scale'
import series from '../ui/plot/series.module.css'
import table from './table.module.css'
import styles from './WalkForwardWindows.module.css'

export function WalkForwardWindows({ result }: { result: WalkForwardResult }) {
  const { windows, stability } = result
  if (windows === null) return null
  const from = Math.min(...windows.map((step) => step.train.from_ms))
  const to = windows.at(-1)?.test.to_ms ?? from + 1
  return (
    <Panel
      title="Window by window"
      aside={
        <Legend wraps>
          <li className={series.train}>chosen on</li>
          <li className={series.gain}>traded, earned</li>
          <li className={series.loss}>traded, lost</li>
        </Legend>
      }
    >
      <TableScroll whole label="Windows, as a table">
        <table className={classes(table.numbers, styles.windows)}>
          <caption className="unseen">
            Each window: parameters chosen in sample, and what they did out of sample
          </caption>
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col" className={styles.time}>
                <Axis from={from} to={to} />
              </th>
              <th scope="col">Chosen</th>
              <th scope="col">Sharpe in</th>
              <th scope="col">out</th>
              <th scope="col">Return out</th>
              <th scope="col">Trades</th>
              <th scope="col">Deflated</th>
            </tr>
          </thead>
          <tbody>
            {windows.map((step, place) => (
              <tr key={step.test.from_ms}>
                <th scope="row">{place + 1}</th>
                <td className={styles.time}>
                  <Strip step={step} from={from} to={to} />
                </td>
                <td className={styles.params}>{step.params === null ? 'stayed flat' : paramsText(step.params)}</td>
                <td>{ratioText(step.in_sample?.sharpe_ratio)}</td>
                <td className={tone(step.out_of_sample.sharpe_ratio)}>{ratioText(step.out_of_sample.sharpe_ratio)}</td>
                <td>{signedPercent(step.out_of_sample.total_return, 1)}</td>
                <td>{step.out_of_sample.trades}</td>
                <td>{ratioText(step.deflated_sharpe_ratio)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
      {stability && (
        <dl className={styles.stability}>
          {Object.entries(stability).map(([name, { chosen, distinct, changes }]) => (
            <div key={name}>
              <dt>{name.replaceAll('_', ' ')}</dt>
              <dd>
                <Path values={chosen} label={`${name} window by window: ${chosen.map(numberText).join(', ')}`} />
                <span className="muted">
                  {distinct} {distinct === 1 ? 'value' : 'values'}, {changes} {changes === 1 ? 'change' : 'changes'}{' '}
                  over {chosen.length} windows
                </span>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Panel>
  )
}

const WIDE = 1_000 // of the strips' own coordinates; they are stretched to their column

function Axis({ from, to }: { from: number; to: number }) {
  const x = linear(from, to, 0, 100)
  return (
    <span className={styles.axis}>
      <span className="unseen">Time</span>
      {timeTicks(from, to, 8).map(({ ms, text }) => (
        <i key={ms} style={{ left: `${x(ms)}%` }} aria-hidden="true">
          {text}
        </i>
      ))}
    </span>
  )
}

function Strip({ step, from, to }: { step: Step; from: number; to: number }) {
  const x = linear(from, to, 0, WIDE)
  const [trainFrom, trainTo, testFrom, testTo] = [
    step.train.from_ms,
    step.train.to_ms,
    step.test.from_ms,
    step.test.to_ms,
  ].map(x) as [number, number, number, number]
  const earned = (step.out_of_sample.total_return ?? 0) >= 0
  const sentence = `Chosen on ${dayText(step.train.from_ms)} to ${dayText(step.train.to_ms)}, traded ${dayText(step.test.from_ms)} to ${dayText(step.test.to_ms)}`
  return (
    <svg
      className={styles.strip}
      viewBox={`0 0 ${WIDE} 16`}
      preserveAspectRatio="none"
      role="img"
      aria-label={sentence}
    >
      <title>{sentence}</title>
      <rect className={styles.track} x={0} y={7} width={WIDE} height={2} />
      <rect
        className={classes(series.train, styles.training)}
        x={trainFrom}
        y={3}
        width={trainTo - trainFrom}
        height={10}
      />
      <rect className={earned ? series.gain : series.loss} x={testFrom} y={0} width={testTo - testFrom} height={16} />
    </svg>
  )
}

/** Steps of one parameter from window to window. */
function Path({ values, label }: { values: readonly number[]; label: string }) {
  const x = linear(0, Math.max(values.length, 1), 0, 120)
  const y = linear(Math.min(...values), Math.max(...values), 19, 3)
  const flat = Math.min(...values) === Math.max(...values)
  const line = values
    .map((value, place) => `${place ? 'L' : 'M'}${x(place)} ${flat ? 11 : y(value)}H${x(place + 1)}`)
    .join('')
  return (
    <svg className={styles.path} viewBox="0 0 120 22" role="img" aria-label={label}>
      <path d={line} />
    </svg>
  )
}

function tone(value: number | null): string {
  return value === null ? '' : value > 0 ? 'up' : 'down'
}
