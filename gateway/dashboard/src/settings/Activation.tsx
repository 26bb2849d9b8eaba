// A change of a version: tried first, which changes nothing; then done for a reason; then its outcome.

import { useEffect, useRef, useState } from 'react'

import type { ConfigVersion, OutcomeView } from '../contract'
import { sendCommand } from '../lib/command'
import { useTriedCommand } from '../lib/triedCommand'
import { Button } from '../ui/Button'
import { Failure, FailureBox } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import { ReasonField } from '../ui/ReasonField'
import { Skeleton } from '../ui/Skeleton'
import text from '../ui/text.module.css'
import styles from './Activation.module.css'
import { factText } from './facts'

export type Action = 'activate' | 'deprecate'

interface Props {
  version: ConfigVersion
  action: Action
  /** Of the strategy's configs, as the page shows them. */
  revision: number
  onChanged: () => void
  onLeave: () => void
}

const WORDS = {
  activate: { title: 'Activate', confirm: 'Activate it', verb: 'activated' },
  deprecate: { title: 'Give up', confirm: 'Give it up', verb: 'given up' },
} as const

export function Activation({ version, action, revision, onChanged, onLeave }: Props) {
  const [expected, setExpected] = useState(revision)
  const [reason, setReason] = useState('')
  const heading = useRef<HTMLHeadingElement>(null)
  const { strategy_name: strategy, config_id: id } = version
  const path = `/api/v1/strategies/${encodeURIComponent(strategy)}/configs/${id}/${action}`
  const {
    dryRun,
    answer: outcome,
    error,
    ...command
  } = useTriedCommand(
    (isDry, key) => sendCommand(path, { dry_run: isDry, expected_revision: expected, reason }, key),
    (wasDry, refusal) => {
      if (!wasDry || refusal?.code === 'stale') onChanged()
    },
  )
  useEffect(() => heading.current?.focus(), [dryRun])
  const tryAsThingsStand = () => {
    setExpected(revision)
    command.tryAgain()
  }
  const words = WORDS[action]
  return (
    <PlainPanel className={styles.panel} aria-label={`${words.title} ${id}`}>
      <p className={text.eyebrow}>{dryRun ? 'Dry run: nothing has changed' : 'The command'}</p>
      <h2 ref={heading} tabIndex={-1}>
        {words.title} {id}
      </h2>
      {outcome === null && error === null && (
        <Skeleton rows={3} label={dryRun ? 'What would change is being asked' : 'The command is being decided'} />
      )}
      <div role="status">{outcome !== null && <Outcome outcome={outcome} verb={words.verb} />}</div>
      {error?.code === 'stale' ? (
        <FailureBox>
          <p>
            <strong>Somebody changed the configs of {strategy} meanwhile.</strong> Nothing was {words.verb}. The list
            has been read again: look at it, then try once more.
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
            {words.confirm}
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
