// The tables of a result: against its benchmarks, the best trials, months.

import { type KeyboardEvent, useRef, useState } from 'react'

import { countText, percent, signedPercent } from '../lib/format'
import { Panel } from '../ui/marks'
import { tint } from './HeatMap'
import { type Metrics, numberText, type Params, type Trial, type Year } from './result'

export interface Column {
  name: keyof Metrics
  label: string
  text: (value: number | null) => string
}

const ratio = (value: number | null) => (value === null ? '–' : value.toFixed(2).replace('-', '−'))

export const COLUMNS: readonly Column[] = [
  { name: 'total_return', label: 'Return', text: (value) => signedPercent(value, 1) },
  { name: 'annual_return', label: 'A year', text: (value) => signedPercent(value, 1) },
  { name: 'sharpe_ratio', label: 'Sharpe', text: ratio },
  { name: 'sortino_ratio', label: 'Sortino', text: ratio },
  { name: 'calmar_ratio', label: 'Calmar', text: ratio },
  { name: 'max_drawdown', label: 'Max drawdown', text: (value) => percent(value, 1) },
  { name: 'win_rate', label: 'Wins', text: (value) => percent(value) },
  { name: 'profit_factor', label: 'Profit factor', text: ratio },
  { name: 'trades', label: 'Trades', text: (value) => (value === null ? '–' : countText(value)) },
  { name: 'exposure', label: 'In market', text: (value) => percent(value) },
  { name: 'turnover', label: 'Turnover a year', text: (value) => (value === null ? '–' : `${countText(Math.round(value))}×`) },
]

export function valueOf(metrics: Metrics, name: keyof Metrics): number | null {
  return metrics[name] as number | null
}

export function Rows({ title, rows }: { title: string; rows: readonly { name: string; metrics: Metrics; strong?: boolean }[] }) {
  return (
    <Panel title={title}>
      <div className="table-scroll" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
        <table className="numbers">
          <caption className="unseen">{title}</caption>
          <thead>
            <tr>
              <th scope="col">
                <span className="unseen">Run</span>
              </th>
              {COLUMNS.map(({ name, label }) => (
                <th key={name} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, metrics, strong }) => (
              <tr key={name} className={strong ? 'row-strong' : ''}>
                <th scope="row">{name}</th>
                {COLUMNS.map((column) => (
                  <td key={column.name}>{column.text(valueOf(metrics, column.name))}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}

interface Sort {
  by: string
  down: boolean
}

interface Sortable {
  key: string
  label: string
  of: (trial: Trial) => number | null
  text: (value: number | null) => string
}

export function Trials({ trials, looked, onLook }: {
  trials: readonly Trial[]
  looked: Params | null
  onLook: (params: Params) => void
}) {
  const [sort, setSort] = useState<Sort>({ by: 'rank', down: false })
  const body = useRef<HTMLTableSectionElement>(null)
  const columns: Sortable[] = [
    ...Object.keys(trials[0]?.params ?? {}).map((name) => ({
      key: name,
      label: name.replaceAll('_', ' '),
      of: (trial: Trial) => trial.params[name] ?? null,
      text: (value: number | null) => (value === null ? '–' : numberText(value)),
    })),
    {
      key: 'deflated',
      label: 'Deflated Sharpe',
      of: (trial: Trial) => trial.deflated_sharpe_ratio,
      text: ratio,
    },
    ...COLUMNS.slice(0, 9).map(({ name, label, text }) => ({
      key: name,
      label,
      of: (trial: Trial) => valueOf(trial.metrics, name),
      text,
    })),
  ]
  const ranked = trials.map((trial, place) => ({ trial, rank: place + 1 }))
  const column = columns.find(({ key }) => key === sort.by)
  const sorted = ranked.toSorted((a, b) => {
    const [one, other] = column ? [column.of(a.trial), column.of(b.trial)] : [a.rank, b.rank]
    if (one === null || other === null) return Number(one === null) - Number(other === null)
    return sort.down ? other - one : one - other
  })
  const press = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (by === undefined) return
    const buttons = [...(body.current?.querySelectorAll('button') ?? [])]
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
    if (at < 0) return
    event.preventDefault()
    buttons[Math.min(Math.max(at + by, 0), buttons.length - 1)]?.focus()
  }
  const header = (key: string, label: string) => (
    <th
      key={key}
      scope="col"
      aria-sort={sort.by === key ? (sort.down ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className="sort"
        onClick={() => setSort({ by: key, down: sort.by === key ? !sort.down : key !== 'rank' })}
      >
        {label}
        <span aria-hidden="true">{sort.by === key ? (sort.down ? ' ↓' : ' ↑') : ''}</span>
      </button>
    </th>
  )
  return (
    <Panel title="Best trials" aside={<span className="muted">Choose one to see its equity</span>}>
      <div className="table-scroll" tabIndex={0} role="region" aria-label="Best trials, as a table">
        <table className="numbers trials">
          <caption className="unseen">The best {trials.length} trials; column heads sort</caption>
          <thead>
            <tr>
              {header('rank', 'Rank')}
              {columns.map(({ key, label }) => header(key, label))}
            </tr>
          </thead>
          <tbody ref={body} onKeyDown={press}>
            {sorted.map(({ trial, rank }) => {
              const shown = looked !== null && sameParams(looked, trial.params)
              return (
                <tr key={rank} data-shown={shown} onClick={() => onLook(trial.params)}>
                  <th scope="row">
                    <button
                      type="button"
                      className="rank"
                      aria-label={`Show the equity of rank ${rank}`}
                      aria-pressed={shown}
                    >
                      {rank}
                    </button>
                  </th>
                  {columns.map(({ key, of, text }) => (
                    <td key={key}>{text(of(trial))}</td>
                  ))}
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}

export function sameParams(one: Params, other: Params): boolean {
  return Object.entries(one).every(([name, value]) => other[name] === value)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export function Months({ years }: { years: readonly Year[] }) {
  const all = years.flatMap(({ months }) => months).filter((value) => value !== null)
  const largest = Math.max(...all.map(Math.abs), 0.001)
  const lost = all.filter((value) => value < 0).length
  return (
    <Panel title="Months" aside={<span className="muted">{`${lost} of ${all.length} lost`}</span>}>
      <div className="table-scroll" tabIndex={0} role="region" aria-label="Returns by month">
        <table className="months">
          <caption className="unseen">Return of each month and year</caption>
          <thead>
            <tr>
              <th scope="col">Year</th>
              {MONTHS.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
              <th scope="col">Year</th>
            </tr>
          </thead>
          <tbody>
            {years.map(({ year, months, total }) => (
              <tr key={year}>
                <th scope="row">{year}</th>
                {months.map((value, month) => (
                  <td key={month} style={value === null ? {} : { background: softTint(value, largest) }}>
                    {value === null ? '' : signedPercent(value, 1).replace('%', '')}
                  </td>
                ))}
                <td className="months-total">{signedPercent(total, 1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}

/** Pale enough to read on. */
function softTint(value: number, largest: number): string {
  return `color-mix(in oklab, ${tint(value, largest)} 30%, var(--panel))`
}
