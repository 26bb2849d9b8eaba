// Records that were refused, by topic and cause; each can be replayed, or be said to need nothing more.

import { useRef, useState } from 'react'

import type { DeadLetterCause, DeadLetterList } from '../contract'
import { useDenial } from '../lib/access'
import { countText, stampText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { Button } from '../ui/Button'
import { EmptyState } from '../ui/EmptyState'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import styles from './DeadLetters.module.css'
import { Answered, Section } from './Section'
import { type Action, SettleLetters } from './SettleLetters'

const EVERY_MS = 5_000
const TONES = { bug: 'bad', rejected: 'warn', undecodable: 'warn' } as const

export function DeadLetters() {
  const answer = useAnswer<DeadLetterList>('/api/system/dead-letters', EVERY_MS)
  const denial = useDenial('admin')
  const total = answer.data?.total ?? 0
  return (
    <Section
      title="Dead letters"
      aside={answer.data !== null && <span className={text.aside}>{countText(total)} open</span>}
    >
      <Answered answer={answer}>
        {({ groups }) =>
          groups.length === 0 ? (
            <EmptyState title="No record was refused">
              <p>What a process cannot read or fold comes here with its cause and its bytes, and is never dropped.</p>
            </EmptyState>
          ) : (
            <>
              <ul className={styles.groups}>
                {groups.map((group) => (
                  <Group
                    key={`${group.topic} ${group.kind} ${group.cause}`}
                    group={group}
                    denial={denial}
                    onChanged={answer.reload}
                  />
                ))}
              </ul>
              <p className={text.footNote}>
                Commands and requests can be replayed. Bars and what is made of them cannot: their order counts, and
                ingest mends them by fetching again. What is dropped stays on its topic.
                {denial !== null && ` ${denial}.`}
              </p>
            </>
          )
        }
      </Answered>
    </Section>
  )
}

interface GroupProps {
  group: DeadLetterCause
  denial: string | null
  onChanged: () => void
}

function Group({ group, denial, onChanged }: GroupProps) {
  const { topic, kind, cause, count, name, newest } = group
  const [action, setAction] = useState<Action | null>(null)
  const actions = useRef<HTMLDivElement>(null)
  return (
    <li className={styles.group}>
      <div>
        <p className={styles.topic}>
          <b>{countText(count)}</b> <code>{topic}</code> <Tag tone={TONES[kind]}>{kind}</Tag>
        </p>
        <p className={styles.cause}>{cause}</p>
        <p className={text.aside}>
          newest by {newest.consumer}
          {newest.key === null ? '' : `, ${newest.key}`}, {stampText(newest.event_time_ms)} · <code>{name}</code>
        </p>
      </div>
      <div ref={actions} className={styles.actions}>
        <Button disabled={denial !== null || action !== null} onClick={() => setAction('replay')}>
          Replay
        </Button>
        <Button disabled={denial !== null || action !== null} onClick={() => setAction('drop')}>
          Drop
        </Button>
      </div>
      {action !== null && (
        <SettleLetters
          action={action}
          group={group}
          onChanged={onChanged}
          onLeave={() => {
            setAction(null)
            requestAnimationFrame(() => actions.current?.querySelector('button')?.focus())
          }}
        />
      )}
    </li>
  )
}
