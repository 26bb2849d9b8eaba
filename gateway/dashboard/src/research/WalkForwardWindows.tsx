// Walk-forward: on which stretch each set was chosen, on which it traded, and what of it was left.

import { dayText, signedPercent } from '../lib/format'
import { Panel } from '../ui/marks'
import { numberText, paramsText, type Step, type WalkForwardResult } from './result'
import { linear, timeTicks } from './scale'

export function WalkForwardWindows({ result }: { result: WalkForwardResult }) {
  const { windows, stability } = result
  if (windows === null) return null
  const from = Math.min(...windows.map((step) => step.train.from_ms))
  const to = windows.at(-1)?.test.to_ms ?? from + 1
  return (
    <Panel
      title="Window by window"
      aside={
        <ul className="keys">
          <li className="tone-train">chosen on</li>
          <li className="tone-gain">traded, earned</li>
          <li className="tone-loss">traded, lost</li>
        </ul>
      }
    >
      <div className="table-scroll windows-scroll" tabIndex={0} role="region" aria-label="Windows, as a table">
        <table className="numbers windows">
          <caption className="unseen">Each window: parameters chosen in sample, and what they did out of sample</caption>
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col" className="windows-time">
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
                <td className="windows-time">
                  <Strip step={step} from={from} to={to} />
                </td>
                <td className="windows-params">{step.params === null ? 'stayed flat' : paramsText(step.params)}</td>
                <td>{ratio(step.in_sample?.sharpe_ratio)}</td>
                <td className={tone(step.out_of_sample.sharpe_ratio)}>{ratio(step.out_of_sample.sharpe_ratio)}</td>
                <td>{signedPercent(step.out_of_sample.total_return, 1)}</td>
                <td>{step.out_of_sample.trades}</td>
                <td>{ratio(step.deflated_sharpe_ratio)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {stability && (
        <dl className="stability">
          {Object.entries(stability).map(([name, { chosen, distinct, changes }]) => (
            <div key={name}>
              <dt>{name.replaceAll('_', ' ')}</dt>
              <dd>
                <Path values={chosen} label={`${name} window by window: ${chosen.map(numberText).join(', ')}`} />
                <span className="muted">
                  {distinct} {distinct === 1 ? 'value' : 'values'}, {changes} {changes === 1 ? 'change' : 'changes'} over{' '}
                  {chosen.length} windows
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
    <span className="windows-axis">
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
  const [trainFrom, trainTo, testFrom, testTo] = [step.train.from_ms, step.train.to_ms, step.test.from_ms, step.test.to_ms].map(x) as [number, number, number, number]
  const earned = (step.out_of_sample.total_return ?? 0) >= 0
  const said = `Chosen on ${dayText(step.train.from_ms)} to ${dayText(step.train.to_ms)}, traded ${dayText(step.test.from_ms)} to ${dayText(step.test.to_ms)}`
  return (
    <svg className="strip-band" viewBox={`0 0 ${WIDE} 16`} preserveAspectRatio="none" role="img" aria-label={said}>
      <title>{said}</title>
      <rect className="strip-track" x={0} y={7} width={WIDE} height={2} />
      <rect className="tone-train" x={trainFrom} y={3} width={trainTo - trainFrom} height={10} />
      <rect className={earned ? 'tone-gain' : 'tone-loss'} x={testFrom} y={0} width={testTo - testFrom} height={16} />
    </svg>
  )
}

/** Steps of one parameter from window to window. */
function Path({ values, label }: { values: readonly number[]; label: string }) {
  const x = linear(0, Math.max(values.length, 1), 0, 120)
  const y = linear(Math.min(...values), Math.max(...values), 19, 3)
  const flat = Math.min(...values) === Math.max(...values)
  const line = values.map((value, place) => `${place ? 'L' : 'M'}${x(place)} ${flat ? 11 : y(value)}H${x(place + 1)}`).join('')
  return (
    <svg className="path" viewBox="0 0 120 22" role="img" aria-label={label}>
      <path d={line} />
    </svg>
  )
}

function ratio(value: number | null | undefined): string {
  return value == null ? '–' : value.toFixed(2).replace('-', '−')
}

function tone(value: number | null): string {
  return value === null ? '' : value > 0 ? 'up' : 'down'
}
