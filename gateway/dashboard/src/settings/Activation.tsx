// A change of a version: tried first, which changes nothing; then done for a reason; then its outcome.

import { useEffect, useEffectEvent, useRef, useState } from 'react'

import type { ConfigVersion, OutcomeView } from '../contract'
import { type ApiError, asApiError, randomId } from '../lib/api'
import { sendCommand } from '../lib/command'
import { Button } from '../ui/Button'
import { Failure, FailureBox } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
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

interface Step {
  /** What is asked for in this step: the key makes a repeated question the same command. */
  dryRun: boolean
  key: string
  /** The configs that it is meant for. */
  revision: number
  outcome: OutcomeView | null
  error: ApiError | null
}

const WORDS = {
  activate: { title: 'Activate', confirm: 'Activate it', verb: 'activated' },
  deprecate: { title: 'Give up', confirm: 'Give it up', verb: 'given up' },
} as const

export function Activation({ version, action, revision, onChanged, onLeave }: Props) {
  const [step, setStep] = useState<Step>(() => freshStep(true, revision))
  const [reason, setReason] = useState('')
  const heading = useRef<HTMLHeadingElement>(null)
  const { strategy_name: strategy, config_id: id } = version
  const ask = useEffectEvent(async ({ dryRun, key, revision: expected }: Step) => {
    const path = `/api/v1/strategies/${encodeURIComponent(strategy)}/configs/${id}/${action}`
    const answer = await sendCommand(path, { dry_run: dryRun, expected_revision: expected, reason }, key).then(
      (outcome) => ({ outcome, error: null }),
      (error: unknown) => ({ outcome: null, error: asApiError(error) }),
    )
    setStep((before) => (before.key === key ? { ...before, ...answer } : before))
    if (!dryRun || answer.error?.code === 'stale') onChanged()
  })
  useEffect(() => {
    if (step.outcome === null && step.error === null) void ask(step)
  }, [step])
  useEffect(() => heading.current?.focus(), [step.dryRun])
  const words = WORDS[action]
  const { outcome, error, dryRun } = step
  return (
    <PlainPanel className={styles.panel} aria-label={`${words.title} ${id}`}>
      <p className={text.eyebrow}>{dryRun ? 'Dry run: nothing has changed' : 'The command'}</p>
      <h2 ref={heading} tabIndex={-1}>
        {words.title} {id}
      </h2>
      <div role="status">
        {outcome === null && error === null && (
          <Skeleton rows={3} label={dryRun ? 'What would change is being asked' : 'The command is being decided'} />
        )}
        {outcome !== null && <Outcome outcome={outcome} verb={words.verb} />}
      </div>
      {error?.code === 'stale' ? (
        <FailureBox>
          <p>
            <strong>Somebody changed the configs of {strategy} meanwhile.</strong> Nothing was {words.verb}. The list
            has been read again: look at it, then try once more.
          </p>
          <p className="muted">{error.message}</p>
          <Button onClick={() => setStep(freshStep(true, revision))}>Try again as things stand now</Button>
        </FailureBox>
      ) : (
        error !== null && (
          <Failure
            error={error}
            onRetry={() => setStep(isUnsure(error) ? { ...step, error: null } : freshStep(true, revision))}
          />
        )
      )}
      {dryRun && outcome?.code === 'done' && (
        <label className={styles.reason}>
          Reason, for the audit
          <input value={reason} maxLength={1_000} onChange={(event) => setReason(event.target.value)} />
        </label>
      )}
      <p className={styles.actions}>
        {dryRun && outcome?.code === 'done' && (
          <Button kind="main" onClick={() => setStep(freshStep(false, step.revision))}>
            {words.confirm}
          </Button>
        )}
        <Button onClick={onLeave}>{!dryRun && outcome !== null ? 'Close' : 'Leave it'}</Button>
      </p>
    </PlainPanel>
  )
}

function freshStep(dryRun: boolean, revision: number): Step {
  return { dryRun, key: randomId(), revision, outcome: null, error: null }
}

/** Whether the command may have been taken although it failed: then the same one is asked for again. */
function isUnsure({ status }: ApiError): boolean {
  return status === 0 || status >= 500
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
