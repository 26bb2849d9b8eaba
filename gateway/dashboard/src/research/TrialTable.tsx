// The best trials of a search, sorted by any column.

import { type KeyboardEvent, useRef, useState } from 'react'

import { classes } from '../lib/classes'
import { ratioText } from '../lib/format'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import text from '../ui/text.module.css'
import { COLUMNS, valueOf } from './metricColumns'
import { numberText, type Params, sameParams, type Trial } from './result'
import table from './table.module.css'
import styles from './TrialTable.module.css'

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

export function TrialTable({
  trials,
  shownParams,
  onShow,
}: {
  trials: readonly Trial[]
  shownParams: Params | null
  onShow: (params: Params) => void
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
      text: ratioText,
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
    <th key={key} scope="col" aria-sort={sort.by === key ? (sort.down ? 'descending' : 'ascending') : 'none'}>
      <button
        type="button"
        className={styles.sort}
        onClick={() => setSort({ by: key, down: sort.by === key ? !sort.down : key !== 'rank' })}
      >
        {label}
        <span aria-hidden="true">{sort.by === key ? (sort.down ? ' ↓' : ' ↑') : ''}</span>
      </button>
    </th>
  )
  return (
    <Panel title="Best trials" aside={<span className={text.aside}>Choose one to see its equity</span>}>
      <TableScroll whole label="Best trials, as a table">
        <table className={classes(table.numbers, styles.trials)}>
          <caption className="unseen">The best {trials.length} trials; column heads sort</caption>
          <thead>
            <tr>
              {header('rank', 'Rank')}
              {columns.map(({ key, label }) => header(key, label))}
            </tr>
          </thead>
          <tbody ref={body} onKeyDown={press}>
            {sorted.map(({ trial, rank }) => {
              const shown = shownParams !== null && sameParams(shownParams, trial.params)
              return (
                <tr key={rank} data-shown={shown} onClick={() => onShow(trial.params)}>
                  <th scope="row">
                    <button
                      type="button"
                      className={styles.rank}
                      aria-label={`Show the equity of rank ${rank}`}
                      aria-pressed={shown}
                    >
                      {rank}
                    </button>
                  </th>
                  {columns.map(({ key, of, text: show }) => (
                    <td key={key}>{show(of(trial))}</td>
                  ))}
                </tr>
              )
            })}
          </tbody>
        </table>
      </TableScroll>
    </Panel>
  )
}
