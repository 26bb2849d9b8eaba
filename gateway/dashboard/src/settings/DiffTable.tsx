// A row for each key: its value before, and now. What changed has a sign and a word, not a colour alone.

import { classes } from '../lib/classes'
import { TableScroll } from '../ui/TableScroll'
import type { DiffRow } from './diff'
import styles from './DiffTable.module.css'

interface Props {
  rows: readonly DiffRow[]
  /** What the values before are of; null: there is nothing before. */
  from: string | null
  to: string
}

const MARKS = {
  added: { sign: '+', word: 'added', tone: 'good' },
  removed: { sign: '−', word: 'removed', tone: 'bad' },
  changed: { sign: '~', word: 'changed', tone: 'warn' },
  same: { sign: '', word: 'the same', tone: 'muted' },
} as const

export function DiffTable({ rows, from, to }: Props) {
  return (
    <TableScroll whole label="The content, key by key">
      <table className={styles.diff}>
        <caption className="unseen">{from === null ? `Content of ${to}` : `From ${from} to ${to}, key by key`}</caption>
        <thead>
          <tr>
            <th scope="col">Key</th>
            {from !== null && <th scope="col">{from}</th>}
            <th scope="col">{to}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, was, is, change }) => {
            const { sign, word, tone } = MARKS[change]
            return (
              <tr key={key}>
                <th scope="row">
                  {from !== null && (
                    <>
                      <span className={classes(styles.sign, tone)} aria-hidden="true">
                        {sign}
                      </span>
                      <span className="unseen">{word}: </span>
                    </>
                  )}
                  <code>{key}</code>
                </th>
                {from !== null && (
                  <td className={classes(change !== 'same' && styles.was)}>
                    {was ?? <i className="muted">not said</i>}
                  </td>
                )}
                <td className={classes(change !== 'same' && styles.is)}>{is ?? <i className="muted">not said</i>}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </TableScroll>
  )
}
