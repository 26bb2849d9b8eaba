// A version that is written: pasted or edited YAML, checked while one writes, then created as a DRAFT.

import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react'

import type { ConfigVersion, OutcomeView, Validation } from '../contract'
import { useDenial } from '../lib/access'
import { type ApiError, asApiError, askPlain } from '../lib/api'
import { classes } from '../lib/classes'
import { commandKeys, sendCommand } from '../lib/command'
import { Button } from '../ui/Button'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import text from '../ui/text.module.css'
import { DiffTable } from './DiffTable'
import { diffOf } from './diff'
import { faultOf } from './faults'
import styles from './NewVersion.module.css'
import { linkToVersion } from './place'
import { yamlText } from './yamlText'

interface Props {
  /** Whose config it is; empty where none has one yet. */
  strategy: string
  /** The version that it begins from; null: from nothing. */
  base: ConfigVersion | null
  onLeave: () => void
  onCreated: (strategy: string, configId: string) => void
}

const FIRST = 'strategy:\n  version: 1.0.0\n'

export function NewVersion({ strategy, base, onLeave, onCreated }: Props) {
  const [name, setName] = useState(strategy)
  const [description, setDescription] = useState('')
  const [yaml, setYaml] = useState(() => (base === null ? FIRST : yamlText(base.config_data)))
  const [error, setError] = useState<ApiError | null>(null)
  const [isSending, setIsSending] = useState(false)
  const [outcome, setOutcome] = useState<OutcomeView | null>(null)
  const denied = useDenial('admin')
  const form = useRef<HTMLFormElement>(null)
  const editor = useRef<HTMLTextAreaElement>(null)
  const [keyOf] = useState(commandKeys)
  useEffect(() => editor.current?.focus(), [])
  const check = useValidation(yaml)
  const isValid = check.validation?.valid === true && check.isCurrent
  const rows = base && check.validation?.config_data ? diffOf(base.config_data, check.validation.config_data) : []
  const changed = rows.filter(({ change }) => change !== 'same')

  const create = async () => {
    const body = { yaml, description }
    setError(null)
    setOutcome(null)
    setIsSending(true)
    const path = `/api/v1/strategies/${encodeURIComponent(name)}/configs`
    await sendCommand(path, body, keyOf([name, body]))
      .then((decided) => (decided.code === 'done' ? onCreated(name, idOf(decided)) : setOutcome(decided)))
      .catch((refusal: unknown) => setError(asApiError(refusal)))
    setIsSending(false)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (denied === null && isValid && !isSending) void create()
  }
  const press = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    form.current?.requestSubmit()
  }
  return (
    <PlainPanel aria-label="New version">
      <form ref={form} className={styles.form} onSubmit={submit} onKeyDown={press}>
        <div>
          <p className={text.eyebrow}>New version</p>
          <h2>{base === null ? 'Write a config' : `Begin from ${base.config_id}`}</h2>
          <p className={text.lead}>It is stored as a DRAFT: nothing follows it until it is activated.</p>
        </div>
        <div className={styles.fields}>
          <label className={text.field}>
            Strategy
            <input value={name} required maxLength={100} onChange={(event) => setName(event.target.value)} />
          </label>
          <label className={text.field}>
            Description
            <input
              value={description}
              maxLength={1_000}
              placeholder="What changes, and why"
              onChange={(event) => setDescription(event.target.value)}
            />
          </label>
        </div>
        <label className={classes(text.field, styles.yaml)}>
          YAML, as in tradai.yaml
          <textarea
            ref={editor}
            value={yaml}
            spellCheck={false}
            autoCapitalize="off"
            maxLength={65_536}
            rows={Math.min(Math.max(yaml.split('\n').length + 1, 12), 30)}
            aria-invalid={check.validation?.valid === false}
            aria-describedby="check"
            onChange={(event) => setYaml(event.target.value)}
          />
        </label>
        <div id="check" role="status">
          <Check {...check} />
        </div>
        {error && <Failure error={error} />}
        {outcome !== null && (
          <p role="status" className={styles.outcome}>
            {outcome.status === null ? (
              <>
                Not decided yet: <a href={outcome.url}>its outcome</a> will tell.
              </>
            ) : (
              <>
                Nothing was stored: <a href={linkToVersion(name, idOf(outcome))}>{outcome.detail}</a>.
              </>
            )}
          </p>
        )}
        <p className={styles.actions}>
          <Button type="submit" kind="main" disabled={denied !== null || !isValid || isSending || name === ''}>
            Create the draft <kbd aria-hidden="true">Ctrl</kbd>
            <kbd aria-hidden="true">↵</kbd>
          </Button>
          <Button onClick={onLeave}>Leave it</Button>
          {denied !== null && <span className={text.aside}>{denied}.</span>}
        </p>
      </form>
      {base !== null && isValid && (
        <section className={styles.changes} aria-label="What differs">
          <h3>
            {changed.length === 0
              ? `The same as ${base.config_id}`
              : `${changed.length} ${changed.length === 1 ? 'difference' : 'differences'} from ${base.config_id}`}
          </h3>
          {changed.length > 0 && <DiffTable rows={changed} from={base.config_id} to="this" />}
        </section>
      )}
    </PlainPanel>
  )
}

/** The version that an outcome is about. */
function idOf({ subject }: OutcomeView): string {
  return subject?.split('/').at(-1) ?? ''
}

interface CheckState {
  validation: Validation | null
  error: ApiError | null
  /** Whether it is about what stands in the editor now. */
  isCurrent: boolean
}

function Check({ validation, error, isCurrent }: CheckState) {
  if (error !== null) return <Failure error={error} />
  if (validation === null || !isCurrent) return <p className="muted">Being checked</p>
  if (validation.valid)
    return (
      <p className="good">
        <span aria-hidden="true">✓</span> A valid config, SHA-256 <code>{validation.config_hash?.slice(0, 12)}</code>
      </p>
    )
  return (
    <>
      <p className="bad">
        <span aria-hidden="true">✕</span>{' '}
        {validation.errors.length === 1 ? 'One fault' : `${validation.errors.length} faults`}
      </p>
      <ul className={styles.faults}>
        {validation.errors.map((fault) => {
          const { path, got, expectation } = faultOf(fault)
          return (
            <li key={fault}>
              <code>{path}</code>
              {got !== null && (
                <span>
                  got <code>{got}</code>
                </span>
              )}
              <span>{expectation}</span>
            </li>
          )
        })}
      </ul>
    </>
  )
}

const WAIT_MS = 350

/** What the gateway says of a text, asked once nobody has typed for a moment. */
function useValidation(yaml: string): CheckState {
  const [state, setState] = useState<{ yaml: string; validation: Validation | null; error: ApiError | null }>()
  useEffect(() => {
    let isOver = false
    const timer = setTimeout(() => {
      askPlain<Validation>('/api/v1/strategies/validate', { yaml }).then(
        (validation) => isOver || setState({ yaml, validation, error: null }),
        (error: unknown) => isOver || setState({ yaml, validation: null, error: asApiError(error) }),
      )
    }, WAIT_MS)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [yaml])
  return { validation: state?.validation ?? null, error: state?.error ?? null, isCurrent: state?.yaml === yaml }
}
