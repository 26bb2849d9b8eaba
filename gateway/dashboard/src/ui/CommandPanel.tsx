// A change by command: tried first, which changes nothing; then done for a reason; then its outcome.

import { useEffect, useRef, useState } from 'react'

import type { OutcomeView } from '../contract'
import { sendCommand } from '../lib/command'
import { factText } from '../lib/facts'
import { useTriedCommand } from '../lib/triedCommand'
import { Button } from './Button'
import styles from './CommandPanel.module.css'
import { Failure, FailureBox } from './Failure'
import { PlainPanel } from './Panel'
import { ReasonField } from './ReasonField'
import { Skeleton } from './Skeleton'
import text from './text.module.css'

interface Props {
  /** What is to be done, such as `Activate v2-1a2b3c4d`. */
  title: string
  /** On the button that does it. */
  confirm: string
  /** What is done then, such as `activated`. */
  verb: string
  /** What somebody else may have changed meanwhile, such as `the configs of ensemble`. */
  subject: string
  path: string
  /** What the command says beside its reason. */
  body?: object
  /** Of the subject, as the page shows it; null: the command holds whatever was changed meanwhile. */
  revision: number | null
  onChanged: () => void
  onLeave: () => void
}

export function CommandPanel({ title, confirm, verb, subject, path, body = {}, revision, onChanged, onLeave }: Props) {
  const [expected, setExpected] = useState(revision)
  const [reason, setReason] = useState('')
  const heading = useRef<HTMLHeadingElement>(null)
  const {
    dryRun,
    answer: outcome,
    error,
    ...command
  } = useTriedCommand(
    (isDry, key) =>
      sendCommand(
        path,
        { ...body, dry_run: isDry, reason, ...(expected === null ? {} : { expected_revision: expected }) },
        key,
      ),
    (wasDry, refusal) => {
      if (!wasDry || refusal?.code === 'stale') onChanged()
    },
  )
  useEffect(() => heading.current?.focus(), [dryRun])
  const tryAsThingsStand = () => {
    setExpected(revision)
    command.tryAgain()
  }
  return (
    <PlainPanel className={styles.panel} aria-label={title}>
      <p className={text.eyebrow}>{dryRun ? 'Dry run: nothing has changed' : 'The command'}</p>
      <h2 ref={heading} tabIndex={-1}>
        {title}
      </h2>
      {outcome === null && error === null && (
        <Skeleton rows={3} label={dryRun ? 'What would change is being asked' : 'The command is being decided'} />
      )}
      <div role="status">{outcome !== null && <Outcome outcome={outcome} verb={verb} />}</div>
      {error?.code === 'stale' ? (
        <FailureBox>
          <p>
            <strong>Somebody changed {subject} meanwhile.</strong> Nothing was {verb}. The list has been read again:
            look at it, then try once more.
          </p>
          <p className="muted">{error.message}</p>
          <Button onClick={tryAsThingsStand}>Try again as things stand now</Button>
        </FailureBox>
      ) : (
        error !== null && <Failure error={error} onRetry={command.retry} />
      )}
      {dryRun && outcome?.code === 'done' && <ReasonField value={reason} onChange={setReason} />}
      <p className={styles.actions}>
        {dryRun && outcome?.code === 'done' && (
          <Button kind="main" onClick={command.confirm}>
            {confirm}
          </Button>
        )}
        <Button onClick={onLeave}>{!dryRun && outcome !== null ? 'Close' : 'Leave it'}</Button>
      </p>
    </PlainPanel>
  )
}

function Outcome({ outcome, verb }: { outcome: OutcomeView; verb: string }) {
  const { status, code, dry_run: dryRun, facts, detail, command_id: id, url } = outcome
  if (status === null)
    return (
      <p className={text.lead}>
        Not decided yet. It will be, and <a href={url}>its outcome</a> tells how.
      </p>
    )
  const title = code === 'same' ? 'Nothing to do' : dryRun ? 'This would change' : `It is ${verb}`
  return (
    <>
      <p className={text.lead}>
        {title}: {detail}.
      </p>
      <ul className={styles.facts}>
        {facts.map((fact) => {
          const { text: words, topic } = factText(fact)
          return (
            <li key={fact}>
              {words} {topic !== '' && <code className="muted">{topic}</code>}
            </li>
          )
        })}
      </ul>
      {!dryRun && (
        <p className={text.footNote}>
          Command <code>{id}</code>
        </p>
      )}
    </>
  )
}
