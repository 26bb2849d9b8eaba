// What each process says of itself, and how far it is behind.

import type { ProcessView } from '../contract'
import { countText, percent, stampText } from '../lib/format'
import { EmptyState } from '../ui/EmptyState'
import { Tag } from '../ui/Tag'
import styles from './ProcessTable.module.css'

const TONES: Record<string, 'good' | 'warn' | 'bad'> = {
  running: 'good',
  degraded: 'bad',
  failed: 'bad',
  silent: 'bad',
  holding: 'warn',
}

function old({ state }: ProcessView): boolean {
  return state === 'silent' || state === 'stopped'
}

export function ProcessTable({ processes }: { processes: Readonly<Record<string, ProcessView>> }) {
  const all = Object.entries(processes)
  if (all.length === 0)
    return (
      <EmptyState title="No process has spoken yet">
        <p>Each of them says how it is every few seconds once it has started.</p>
      </EmptyState>
    )
  return (
    <table className={styles.processes}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">State</th>
          <th scope="col">Lag</th>
          <th scope="col">Device</th>
        </tr>
      </thead>
      <tbody>
        {all.map(([name, process]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              <Tag tone={TONES[process.state] ?? ''}>{process.state}</Tag>
              {process.done !== null && process.done < 1 && ` ${percent(process.done)}`}
              {process.state === 'stopped' && (
                <span className="muted"> as of {stampText(Date.parse(process.said_at))}</span>
              )}
              {process.detail && <span className={styles.detail}>{process.detail}</span>}
            </td>
            <td>{process.lag_records === null ? '–' : countText(process.lag_records)}</td>
            <td className={old(process) ? 'muted' : ''}>{process.device ?? '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
