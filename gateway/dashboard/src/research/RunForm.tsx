// The form: what to run. Its fields are the gateway's schema; its names are the gateway's tables.

import { type RefObject, useMemo } from 'react'

import type { SymbolHealth } from '../contract'
import { useDenial } from '../lib/access'
import { classes } from '../lib/classes'
import { countText } from '../lib/format'
import { Button } from '../ui/Button'
import { Choices } from '../ui/Choices'
import { Failure, FailureBox } from '../ui/Failure'
import panel from '../ui/Panel.module.css'
import { combinationsOf, type Draft, isAsked, KINDS, TITLES, type Value, type Way, wayOf } from './draft'
import { fieldErrorsOf, errorAt, isOfRequest, NO_ERRORS } from './fieldErrors'
import { FieldInput } from './fields/FieldInput'
import inputStyles from './fields/fields.module.css'
import type { NamedValue } from './fields/Labelled'
import { ParameterInputs } from './fields/ParameterInputs'
import { isLive } from './ResearchState'
import { researchStore, useResearch } from './ResearchStore'
import styles from './RunForm.module.css'
import { type Field, type Group, type Kind, labelOf } from './schema'
import { rangeOfIndicator, spaceOf } from './startingDraft'

const WAYS: readonly (readonly [Way, string])[] = [
  ['single', 'One factor'],
  ['multi', 'Several'],
  ['strategy', 'Strategy'],
]
// Rarely changed: folded away, and open when something in it is errors.
const FOLDED = new Set(['Exits', 'Costs and account', 'More'])

interface Props {
  kind: Kind
  draft: Draft
  groups: readonly Group[]
  symbols: readonly SymbolHealth[]
  form: RefObject<HTMLFormElement | null>
  onKind: (kind: Kind) => void
  onChange: (draft: Draft) => void
  onRun: () => void
}

export function RunForm({ kind, draft, groups, symbols, form, onKind, onChange, onRun }: Props) {
  const denied = useDenial('operate')
  const run = useResearch((state) => state.run)
  const failure = run?.kind === kind ? run.error : null
  const errors = useMemo(
    () => (isOfRequest(failure) ? fieldErrorsOf(failure, groups, draft) : NO_ERRORS),
    // It is about the draft that was asked for, and stays while that is mended.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [failure, groups],
  )
  const namesOf = useNames(symbols)
  const tables = useResearch((state) => state.tables)
  const set = (name: string, value: Value) => onChange(changed(draft, name, value, tables?.indicator))
  const live = run !== null && isLive(run)
  const strategy = tables?.strategy.find((row) => row['name'] === draft['strategy'])
  return (
    <form
      ref={form}
      className={classes(panel.panel, styles.form)}
      aria-label="What to run"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        onRun()
      }}
    >
      <Choices accent className={styles.kind} aria-label="Kind of run">
        {KINDS.map((each) => (
          <button key={each} type="button" aria-pressed={each === kind} onClick={() => onKind(each)}>
            {TITLES[each]}
          </button>
        ))}
      </Choices>
      <div className={styles.groups}>
        {groups.map(({ name, fields }) => {
          const visible = fields.filter((field) => isAsked(field, draft))
          const wrong = visible.some((field) => errorAt(errors, field.name) !== undefined)
          const inputs = visible.map((field) =>
            field.kind === 'ranges' || field.kind === 'numbers' ? (
              <ParameterInputs
                key={field.name}
                field={field}
                value={(draft[field.name] ?? {}) as never}
                error={errorAt(errors, field.name)}
                parameters={(strategy?.['parameters'] ?? {}) as never}
                onChange={(value) => set(field.name, value)}
              />
            ) : (
              <FieldInput
                key={field.name}
                field={field}
                path={field.name}
                value={draft[field.name] ?? ''}
                error={errorAt(errors, field.name)}
                errors={errors}
                names={namesOf(field.name)}
                namesOf={namesOf}
                onChange={(value) => set(field.name, value)}
              />
            ),
          )
          if (visible.length === 0) return null
          if (FOLDED.has(name))
            return (
              <details key={name} className={styles.group} open={wrong || undefined}>
                <summary>
                  <h2>{name}</h2>
                  <span className={styles.groupNote}>{noteOf(name, draft)}</span>
                </summary>
                <div className={inputStyles.fields}>{inputs}</div>
              </details>
            )
          return (
            <section key={name} className={styles.group} aria-label={name}>
              <header className={styles.groupHead}>
                <h2>{name}</h2>
                {name === 'Decision' && <WayChoice draft={draft} fields={fields} onChange={onChange} />}
              </header>
              <div className={inputStyles.fields}>{inputs}</div>
            </section>
          )
        })}
      </div>
      <footer className={styles.foot}>
        {isOfRequest(failure) && run?.phase === 'failed' && (
          <FailureBox>
            <p>
              <strong>{failure.status === 400 ? 'Refused.' : 'No result.'}</strong>{' '}
              {errors.rest.length > 0
                ? errors.rest.join('; ')
                : `${errors.fields.size === 1 ? 'One field' : `${errors.fields.size} fields`} above ${errors.fields.size === 1 ? 'is' : 'are'} not as expected.`}
            </p>
          </FailureBox>
        )}
        {failure !== null && !isOfRequest(failure) && run?.phase === 'failed' && (
          <Failure error={failure} onRetry={onRun} />
        )}
        <Size kind={kind} draft={draft} />
        {denied !== null && <p className={classes('muted', styles.size)}>{denied}.</p>}
        <div className={styles.actions}>
          <Button type="submit" kind="main" className={styles.run} disabled={live || denied !== null}>
            Run <kbd>Ctrl</kbd>
            <kbd>↵</kbd>
          </Button>
          <Button disabled={!live} onClick={() => void researchStore.cancel()}>
            Cancel <kbd>Esc</kbd>
          </Button>
        </div>
      </footer>
    </form>
  )
}

function Size({ kind, draft }: { kind: Kind; draft: Draft }) {
  const count = kind === 'performance' ? null : combinationsOf(draft)
  if (kind === 'performance') return <p className={classes('muted', styles.size)}>One run, nothing is searched.</p>
  if (count === null) return <p className={classes('muted', styles.size)}>Give each range min, max and step.</p>
  return (
    <p className={styles.size}>
      <b>{countText(count)}</b>{' '}
      <span className="muted">{count === 1 ? 'combination' : 'combinations'}; each makes luck more likely</span>
    </p>
  )
}

function WayChoice({
  draft,
  fields,
  onChange,
}: {
  draft: Draft
  fields: readonly Field[]
  onChange: (draft: Draft) => void
}) {
  const tables = useResearch((state) => state.tables)
  const way = wayOf(draft)
  const choose = (next: Way) => {
    const first = tables?.strategy[0]
    const strategy = next === 'strategy' ? String(first?.['name'] ?? '') : ''
    const factor = fields.find((field) => field.name === 'factors')
    const current = (draft['factors'] ?? []) as readonly Draft[]
    const factors = next === 'multi' && current.length === 0 && factor ? [likeSingle(factor, draft)] : current
    onChange({
      ...draft,
      mode: next === 'multi' ? 'multi' : 'single',
      strategy,
      factors,
      space: next === 'strategy' ? spaceOf(first) : {},
      params: {},
    })
  }
  return (
    <Choices accent aria-label="What decides">
      {WAYS.map(([each, text]) => (
        <button key={each} type="button" aria-pressed={each === way} onClick={() => choose(each)}>
          {text}
        </button>
      ))}
    </Choices>
  )
}

/** The first of several factors is the one that stood there alone. */
function likeSingle(field: Field, draft: Draft): Draft {
  return Object.fromEntries(field.items.map((each) => [each.name, draft[each.name] ?? '']))
}

function changed(
  draft: Draft,
  name: string,
  value: Value,
  indicators: readonly Record<string, unknown>[] | undefined,
): Draft {
  const next = { ...draft, [name]: value }
  // Thresholds of one indicator mean nothing to another.
  if (name === 'indicator') return { ...next, ...rangeOfIndicator(String(value), indicators, draft) }
  return next
}

/** What stands in a group that is folded. */
function noteOf(group: string, draft: Draft): string {
  if (group === 'Exits') return exitText((draft['exits'] ?? {}) as Draft)
  return group === 'More' ? '' : costText(draft)
}

function exitText(exits: Draft): string {
  const set = Object.entries(exits).filter(([, value]) => value !== '')
  return set.map(([name, value]) => `${labelOf(name)} ${String(value)}`).join(', ') || 'none'
}

function costText(draft: Draft): string {
  return `${String(draft['fee_bps'])} + ${String(draft['slippage_bps'])} bps${draft['funding'] ? ', funding' : ''}`
}

function useNames(symbols: readonly SymbolHealth[]): (name: string) => readonly NamedValue[] | undefined {
  const tables = useResearch((state) => state.tables)
  return useMemo(() => {
    const rows = (table: readonly Record<string, unknown>[] | undefined) => table as readonly NamedValue[] | undefined
    const strategies = rows(tables?.strategy)?.map(({ name, label }) => ({
      name,
      ...(label === undefined ? {} : { meaning: label }),
    }))
    const known: Record<string, readonly NamedValue[] | undefined> = {
      symbol: symbols.map(({ symbol }) => ({ name: symbol, label: symbol })),
      strategy: strategies,
      indicator: rows(tables?.indicator),
      signal_type: rows(tables?.signal_type),
    }
    return (name: string) => known[name]
  }, [tables, symbols])
}
