// What stands where a result will be: what can be run, or what a link asks for.

import { useDenial } from '../lib/access'
import type { ApiError } from '../lib/api'
import { Button } from '../ui/Button'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import text from '../ui/text.module.css'
import styles from './BeforeRun.module.css'
import { TITLES } from './draft'
import { useResearch } from './ResearchStore'
import type { Kind } from './schema'

function RunButton({ onRun, children }: { onRun: () => void; children: string }) {
  const denied = useDenial('operate')
  return (
    <Button kind="main" disabled={denied !== null} onClick={onRun}>
      {children} <kbd>Ctrl</kbd>
      <kbd>↵</kbd>
    </Button>
  )
}

/** A link filled the form, and nothing has run yet. */
export function Linked({ kind, onRun, onLeave }: { kind: Kind; onRun: () => void; onLeave: () => void }) {
  const run = useResearch((state) => state.run)
  return (
    <PlainPanel className={styles.panel} aria-label="From a link">
      <p className={text.eyebrow}>From a link</p>
      <h2>{TITLES[kind]}, as it was asked for</h2>
      <p className={text.lead}>The form on this page holds the whole request. The same bars give the same result.</p>
      <p className={styles.actions}>
        <RunButton onRun={onRun}>Run it</RunButton>
        {run !== null && <Button onClick={onLeave}>Back to the last result</Button>}
      </p>
    </PlainPanel>
  )
}

/** The address names a run that cannot be shown. */
export function NotHere({
  jobId,
  error,
  onRun,
  onRetry,
}: {
  jobId: string
  error: ApiError
  onRun: () => void
  onRetry: () => void
}) {
  if (error.status !== 404)
    return (
      <PlainPanel className={styles.panel} aria-label="Not read">
        <Failure error={error} onRetry={onRetry} />
      </PlainPanel>
    )
  return (
    <PlainPanel className={styles.panel} aria-label="Not here">
      <p className={text.eyebrow}>Run {jobId}</p>
      <h2>This run is not here</h2>
      <p className={text.lead}>
        It is not among the newest that the gateway holds. The form on this page holds its request as far as the address
        does: the same bars give the same result.
      </p>
      <p className={styles.actions}>
        <RunButton onRun={onRun}>Run it again</RunButton>
      </p>
    </PlainPanel>
  )
}

const KINDS_OF_RUN = [
  ['Optimise', 'Every combination of a grid. The best of them is set against what luck alone would have found.'],
  ['Walk forward', 'Choose on one stretch, trade the next, move on: only what was not chosen on counts.'],
  ['Back-test', 'One set of parameters: equity, drawdown, months, and how sure its numbers are.'],
] as const

export function Idle({ onRun }: { onRun: () => void }) {
  return (
    <PlainPanel className={styles.panel} aria-label="Nothing has run">
      <p className={text.eyebrow}>Research</p>
      <h2>Does it hold, or was it luck?</h2>
      <p className={text.lead}>Costs, funding and the number of tries are part of every answer.</p>
      <dl className={styles.kinds}>
        {KINDS_OF_RUN.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="muted">{text}</dd>
          </div>
        ))}
      </dl>
      <p className={styles.actions}>
        <RunButton onRun={onRun}>Run what stands in the form</RunButton>
      </p>
    </PlainPanel>
  )
}
