// What becomes of dead letters of one cause: a reason, a dry run, then the commands and their outcomes.

import { type FormEvent, useEffect, useRef, useState } from 'react'

import type { DeadLetterCause, LettersAnswer } from '../contract'
import { ask } from '../lib/api'
import { countText } from '../lib/format'
import { useTriedCommand } from '../lib/triedCommand'
import { Button } from '../ui/Button'
import { Failure } from '../ui/Failure'
import { ReasonField } from '../ui/ReasonField'
import { Skeleton } from '../ui/Skeleton'
import text from '../ui/text.module.css'
import styles from './SettleLetters.module.css'

export type Action = 'replay' | 'drop'

interface Props {
  action: Action
  group: DeadLetterCause
  onChanged: () => void
  onLeave: () => void
}

const WORDS = {
  replay: { title: 'Replay', done: 'replayed' },
  drop: { title: 'Drop', done: 'dropped' },
} as const
const SHOWN = 5
const ANSWER_WITHIN_MS = 20_000

export function SettleLetters({ action, group, onChanged, onLeave }: Props) {
  const [reason, setReason] = useState('')
  const [isTried, setIsTried] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setIsTried(true)
  }
  const more = group.count - group.names.length
  return (
    <section className={styles.settle} aria-label={WORDS[action].title}>
      {isTried ? (
        <Tried action={action} ids={group.names} reason={reason} onChanged={onChanged} onLeave={onLeave} />
      ) : (
        <form className={styles.form} onSubmit={submit}>
          <ReasonField input={input} value={reason} required={action === 'drop'} onChange={setReason} />
          <p className={styles.actions}>
            <Button type="submit" kind="main">
              Try it: nothing changes yet
            </Button>
            <Button onClick={onLeave}>Leave it</Button>
            {more > 0 && (
              <span className={text.aside}>
                The oldest {countText(group.names.length)} first; {countText(more)} stay for later
              </span>
            )}
          </p>
        </form>
      )}
    </section>
  )
}

interface TriedProps {
  action: Action
  ids: readonly string[]
  reason: string
  onChanged: () => void
  onLeave: () => void
}

function Tried({ action, ids: named, reason, onChanged, onLeave }: TriedProps) {
  const [ids] = useState(named) // what was tried is what is done
  const words = WORDS[action]
  const { dryRun, answer, error, confirm, retry } = useTriedCommand(
    (isDry, key) => settle(action, { ids, reason, dry_run: isDry }, key),
    (wasDry) => {
      if (!wasDry) onChanged()
    },
  )
  const status = useRef<HTMLDivElement>(null)
  useEffect(() => status.current?.focus(), [dryRun])
  return (
    <>
      <p className={text.eyebrow}>{dryRun ? 'Dry run: nothing has changed' : 'The commands'}</p>
      {answer === null && error === null && <Skeleton rows={2} label="Being decided" />}
      <div ref={status} role="status" tabIndex={-1} className={styles.status}>
        {answer !== null && (
          <>
            <p className={text.lead}>
              {countText(answer.accepted)} {dryRun && 'would be '}
              {words.done}
              {answer.unchanged > 0 && `, ${countText(answer.unchanged)} were settled before`}
              {answer.refused > 0 && `, ${countText(answer.refused)} refused`}
              {answer.pending > 0 && `, ${countText(answer.pending)} not decided yet`}.
            </p>
            <Outcomes answer={answer} />
          </>
        )}
      </div>
      {error !== null && <Failure error={error} onRetry={retry} />}
      <p className={styles.actions}>
        {dryRun && answer !== null && answer.accepted > 0 && (
          <Button kind="main" onClick={confirm}>
            {words.title} {countText(answer.accepted)}
          </Button>
        )}
        <Button onClick={onLeave}>{!dryRun && answer !== null ? 'Done' : 'Leave it'}</Button>
      </p>
    </>
  )
}

function Outcomes({ answer: { outcomes } }: { answer: LettersAnswer }) {
  return (
    <ul className={styles.outcomes}>
      {outcomes.slice(0, SHOWN).map(({ command_id: id, status, facts, detail, subject }) => (
        <li key={id}>
          {subject !== null && <code>{subject}</code>}{' '}
          <span className="muted">{status === 'accepted' ? facts.join(', ') : detail}</span>
        </li>
      ))}
      {outcomes.length > SHOWN && <li className="muted">and {countText(outcomes.length - SHOWN)} more</li>}
    </ul>
  )
}

function settle(action: Action, body: object, key: string): Promise<LettersAnswer> {
  return ask<LettersAnswer>(`/api/system/dead-letters/${action}`, body, {
    headers: { 'Idempotency-Key': key },
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  })
}
