// API keys of machines. The command line alone makes and revokes them: this page says how.

import { useState } from 'react'

import type { KeyList, KeyView } from '../contract'
import { type Scope, useDenial } from '../lib/access'
import { stampText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { EmptyState } from '../ui/EmptyState'
import { TableScroll } from '../ui/TableScroll'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import { CommandLine } from './CommandLine'
import { createCommand, revokeCommand } from './keyCommands'
import styles from './Keys.module.css'
import { Answered, Denied, Section } from './Section'

const EVERY_MS = 5_000
const TONES = { counts: 'good', expired: 'muted', revoked: 'muted' } as const
const SCOPES: readonly Scope[] = ['read', 'operate', 'admin']
const LASTS = [
  ['30d', '30 days'],
  ['90d', '90 days'],
  ['365d', 'a year'],
  ['', 'for ever'],
] as const

export function Keys() {
  const denial = useDenial('admin')
  const answer = useAnswer<KeyList>(denial === null ? '/api/access/keys' : null, EVERY_MS)
  return (
    <Section
      title="API keys"
      aside={
        answer.data !== null && (
          <span className={text.aside}>
            {answer.data.required ? 'a key or a token is needed' : 'nobody needs one here'}
          </span>
        )
      }
    >
      {denial !== null ? (
        <Denied what="API keys are" denial={denial} />
      ) : (
        <>
          <Answered answer={answer}>
            {({ keys }) =>
              keys.length === 0 ? (
                <EmptyState title="No API keys yet">
                  <p>A key lets a machine ask, such as Prometheus or a script. It appears here once it is made.</p>
                </EmptyState>
              ) : (
                <TableScroll whole label="API keys, as a table">
                  <KeyTable keys={keys} />
                </TableScroll>
              )
            }
          </Answered>
          <NewKey />
        </>
      )}
    </Section>
  )
}

function KeyTable({ keys }: { keys: readonly KeyView[] }) {
  return (
    <table className={styles.keys}>
      <caption className="unseen">API keys, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Whose</th>
          <th scope="col">May</th>
          <th scope="col">State</th>
          <th scope="col">Made</th>
          <th scope="col">Counts until</th>
          <th scope="col">To revoke it</th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <tr key={key.key_id}>
            <th scope="row">
              {key.name} <code className="muted">{key.key_id}</code>
            </th>
            <td>{key.scope}</td>
            <td>
              <Tag tone={TONES[key.state]}>{key.state}</Tag>
            </td>
            <td>
              {stampText(Date.parse(key.created_at))} <span className="muted">by {key.created_by}</span>
            </td>
            <td>{untilText(key)}</td>
            <td>
              {key.state === 'counts' ? (
                <CommandLine command={revokeCommand(key.key_id)} label={`Copy the command that revokes ${key.name}`} />
              ) : (
                <span className="muted">–</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function untilText({ expires_at: expires, revoked_at: revoked, revoked_by: by }: KeyView): string {
  if (revoked !== null) return `revoked ${stampText(Date.parse(revoked))} by ${by}`
  return expires === null ? 'for ever' : stampText(Date.parse(expires))
}

function NewKey() {
  const [name, setName] = useState('prometheus')
  const [scope, setScope] = useState<Scope>('read')
  const [lasts, setLasts] = useState<string>('90d')
  return (
    <section className={styles.make} aria-label="A new key">
      <h3>A new key</h3>
      <div className={styles.fields}>
        <label className={text.field}>
          Whose it is
          <input value={name} maxLength={100} onChange={(event) => setName(event.target.value)} />
        </label>
        <label className={text.field}>
          What it may do
          <select value={scope} onChange={(event) => setScope(event.target.value as Scope)}>
            {SCOPES.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label className={text.field}>
          How long it counts
          <select value={lasts} onChange={(event) => setLasts(event.target.value)}>
            {LASTS.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
      </div>
      <CommandLine command={createCommand(name, scope, lasts)} label="Copy the command that makes the key" />
      <p className={text.footNote}>
        Keys are made where the cluster is, by the command line alone. The key is shown there once; here it appears
        without its secret, and who made or revoked it stands in the audit.
      </p>
    </section>
  )
}
