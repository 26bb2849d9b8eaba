// What people did to the system: who, what, why, and how it was decided.

import { useState } from 'react'

import type { AuditEntry, AuditList } from '../contract'
import { useDenial } from '../lib/access'
import { classes } from '../lib/classes'
import { countText, stampText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { Button } from '../ui/Button'
import { EmptyState } from '../ui/EmptyState'
import { TableScroll } from '../ui/TableScroll'
import { Tag } from '../ui/Tag'
import table from '../ui/table.module.css'
import text from '../ui/text.module.css'
import styles from './AuditTrail.module.css'
import { Answered, Denied, Section } from './Section'

const EVERY_MS = 5_000
const FEW = 50
const MANY = 1_000

const TONES = { accepted: 'good', refused: 'bad', unchanged: 'muted' } as const

export function AuditTrail() {
  const denial = useDenial('admin')
  const [subject, setSubject] = useState('')
  const [limit, setLimit] = useState(FEW)
  const query = subject === '' ? '' : `&subject=${encodeURIComponent(subject)}`
  const answer = useAnswer<AuditList>(denial === null ? `/api/system/audit?limit=${limit}${query}` : null, EVERY_MS)
  return (
    <Section
      title="Audit trail"
      aside={
        denial === null && (
          <input
            type="search"
            className={styles.find}
            value={subject}
            placeholder="Subject, such as ensemble"
            aria-label="Subject of the actions"
            onChange={(event) => setSubject(event.target.value)}
          />
        )
      }
    >
      {denial !== null ? (
        <Denied what="The audit trail is" denial={denial} />
      ) : (
        <Answered answer={answer}>
          {({ actions, topic }) =>
            actions.length === 0 ? (
              <EmptyState title={subject === '' ? 'Nobody has done anything yet' : `Nothing was done to ${subject}`}>
                <p>Commands, replays, keys and refreshes stand here, with who and why, as soon as they are decided.</p>
              </EmptyState>
            ) : (
              <>
                <TableScroll whole label="Actions, as a table">
                  <ActionTable actions={actions} />
                </TableScroll>
                <p className={styles.foot}>
                  {actions.length === limit && limit < MANY && (
                    <Button onClick={() => setLimit(MANY)}>Older ones</Button>
                  )}
                  <span className={text.aside}>
                    The newest {countText(actions.length)}; <code>{topic}</code> holds all of them, for ever.
                  </span>
                </p>
              </>
            )
          }
        </Answered>
      )}
    </Section>
  )
}

function ActionTable({ actions }: { actions: readonly AuditEntry[] }) {
  return (
    <table className={classes(styles.actions, table.stacks)}>
      <caption className="unseen">Actions of people, newest first</caption>
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Who</th>
          <th scope="col">Did what</th>
          <th scope="col">To what</th>
          <th scope="col">Outcome</th>
          <th scope="col">Why, and how it went</th>
        </tr>
      </thead>
      <tbody>
        {actions.map((action) => (
          <tr key={action.offset}>
            <th scope="row">{stampText(action.event_time_ms)}</th>
            <td>{action.by}</td>
            <td>
              <code>{action.action}</code>
            </td>
            <td>
              <code>{action.subject}</code>
            </td>
            <td>
              {action.outcome === null ? (
                <span className="muted">done</span>
              ) : (
                <Tag tone={TONES[action.outcome]}>{action.outcome}</Tag>
              )}
              {action.dry_run === true && <Tag tone="muted">dry run</Tag>}
            </td>
            <td>{[action.reason, action.detail].filter(Boolean).join(': ') || <span className="muted">–</span>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
