// One input for each kind of field that the schema knows.

import { type ReactNode, useId } from 'react'

import { countText } from '../lib/format'
import { countOf, type Draft, NO_RANGE, type RangeText, type Value } from './draft'
import { errorAt, type FieldErrors, NO_ERRORS } from './fieldErrors'
import type { Field } from './schema'

export interface Named {
  name: string
  label?: string
  meaning?: string
}

interface Props<T = Value> {
  field: Field
  value: T
  error: string | undefined
  /** Names that the gateway knows for this field, with what they mean. */
  names?: readonly Named[] | undefined
  onChange: (value: Value) => void
}

export function Input(props: Props & { errors?: FieldErrors; path: string; namesOf: (name: string) => readonly Named[] | undefined }) {
  const { field, value } = props
  switch (field.kind) {
    case 'flag':
      return <Flag {...props} value={value === true} />
    case 'range':
      return <RangeInput {...props} value={value as unknown as RangeText} />
    case 'list':
      return <List {...props} errors={props.errors ?? NO_ERRORS} value={value as readonly Draft[]} />
    case 'choice':
      if (field.choices.length <= 2 && !field.nullable) return <Choices {...props} value={String(value)} />
      return <Select {...props} value={String(value)} options={field.choices} />
    case 'text':
      if (props.names) return <Select {...props} value={String(value)} options={props.names.map(({ name }) => name)} />
      return <Text {...props} value={String(value)} />
    case 'ranges':
    case 'numbers':
      return null // asked for by name, see Parameters
    default:
      return <Text {...props} value={String(value)} />
  }
}

function Labelled({ field, error, id, children, aside }: {
  field: Field
  error: string | undefined
  id: string
  aside?: ReactNode
  children: ReactNode
}) {
  return (
    <div className={`field field-${field.kind}`} data-name={field.name} data-wrong={error !== undefined}>
      <div className="field-head">
        <label htmlFor={id}>{field.label}</label>
        {aside}
      </div>
      {children}
      <Note id={`${id}-note`} error={error} hint={field.hint} />
    </div>
  )
}

function Note({ id, error, hint }: { id: string; error: string | undefined; hint: string }) {
  if (error !== undefined)
    return (
      <p id={id} className="field-said bad">
        <span aria-hidden="true">✕</span> {error}
      </p>
    )
  return hint ? (
    <p id={id} className="field-hint muted">
      {hint}
    </p>
  ) : null
}

function described(field: Field, error: string | undefined, id: string) {
  return {
    ...(error !== undefined ? { 'aria-invalid': true } : {}),
    ...(error !== undefined || field.hint ? { 'aria-describedby': `${id}-note` } : {}),
  }
}

function Text({ field, value, error, onChange }: Props<string>) {
  const id = useId()
  return (
    <Labelled field={field} error={error} id={id}>
      <input
        id={id}
        type={field.kind === 'time' ? 'datetime-local' : 'text'}
        inputMode={field.kind === 'number' ? 'decimal' : undefined}
        value={value}
        placeholder={field.nullable ? field.empty || 'not set' : undefined}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
        {...described(field, error, id)}
      />
    </Labelled>
  )
}

function Select({ field, value, error, names, options, onChange }: Props<string> & { options: readonly string[] }) {
  const id = useId()
  const known = new Map(names?.map((each) => [each.name, each]))
  // A link may name what this home does not have: it is shown, and refused by the gateway.
  const all = value === '' || options.includes(value) ? options : [value, ...options]
  const meaning = known.get(value)?.meaning
  return (
    <Labelled field={meaning ? { ...field, hint: meaning } : field} error={error} id={id}>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)} {...described(field, error, id)}>
        {field.nullable && <option value="">{field.empty || 'none'}</option>}
        {all.map((name) => (
          <option key={name} value={name}>
            {known.get(name)?.label ?? name.replaceAll('_', ' ')}
          </option>
        ))}
      </select>
    </Labelled>
  )
}

function Choices({ field, value, error, onChange }: Props<string>) {
  const id = useId()
  return (
    <div className="field field-choices" data-wrong={error !== undefined}>
      <div className="field-head">
        <span id={id}>{field.label}</span>
        <div className="choices" role="group" aria-labelledby={id}>
          {field.choices.map((name) => (
            <button key={name} type="button" aria-pressed={name === value} onClick={() => onChange(name)}>
              {name.replaceAll('_', ' ')}
            </button>
          ))}
        </div>
      </div>
      <Note id={`${id}-note`} error={error} hint={field.hint} />
    </div>
  )
}

function Flag({ field, value, error, onChange }: Props<boolean>) {
  const id = useId()
  return (
    <div className="field field-flag">
      <label htmlFor={id}>
        <input
          id={id}
          type="checkbox"
          checked={value}
          onChange={(event) => onChange(event.target.checked)}
          {...described(field, error, id)}
        />
        {field.label}
      </label>
      <Note id={`${id}-note`} error={error} hint={field.hint} />
    </div>
  )
}

const EDGES = ['min', 'max', 'step'] as const

function RangeInput({ field, value, error, onChange }: Props<RangeText>) {
  const id = useId()
  const count = countOf(value)
  return (
    <fieldset className="field field-range" data-wrong={error !== undefined}>
      <legend>{field.label}</legend>
      <span className="field-count muted">{count === null ? '' : `${countText(count)} values`}</span>
      <div className="range">
        {EDGES.map((edge) => (
          <label key={edge}>
            <span className="unseen">{field.label} </span>
            {edge}
            <input
              type="text"
              inputMode="decimal"
              value={value[edge]}
              autoComplete="off"
              onChange={(event) => onChange({ ...value, [edge]: event.target.value } as never)}
              {...described(field, error, id)}
            />
          </label>
        ))}
      </div>
      <Note id={`${id}-note`} error={error} hint={field.hint} />
    </fieldset>
  )
}

function List({ field, value, error, path, errors, namesOf, onChange }: Props<readonly Draft[]> & {
  path: string
  errors: FieldErrors
  namesOf: (name: string) => readonly Named[] | undefined
}) {
  const change = (place: number, item: Draft) => onChange(value.map((each, at) => (at === place ? item : each)))
  const one = field.label.replace(/s$/, '')
  return (
    <div className="field field-list">
      {value.map((item, place) => (
        <fieldset key={place} className="item">
          <legend>
            {one} {place + 1}
          </legend>
          <button
            type="button"
            className="button"
            aria-label={`Remove ${one.toLowerCase()} ${place + 1}`}
            onClick={() => onChange(value.filter((_, at) => at !== place))}
          >
            Remove
          </button>
          <div className="fields">
            {field.items.map((each) => (
              <Input
                key={each.name}
                field={each}
                path={`${path}.${place}.${each.name}`}
                value={item[each.name] ?? ''}
                error={errorAt(errors, `${path}.${place}.${each.name}`)}
                errors={errors}
                names={namesOf(each.name)}
                namesOf={namesOf}
                onChange={(next) => change(place, { ...item, [each.name]: next })}
              />
            ))}
          </div>
        </fieldset>
      ))}
      {value.length === 0 && error !== undefined && <p className="field-said bad">{error}</p>}
      {value.length < field.most && (
        <button type="button" className="button" onClick={() => onChange([...value, emptyItem(field, value)])}>
          Add a {one.toLowerCase()}
        </button>
      )}
    </div>
  )
}

/** Like the last one, so that something stands in it. */
function emptyItem(field: Field, value: readonly Draft[]): Draft {
  const last = value.at(-1)
  if (last !== undefined) return last
  return Object.fromEntries(
    field.items.map((each) => [each.name, each.kind === 'range' ? (NO_RANGE as never) : String(each.default ?? '')]),
  )
}

interface Bounds {
  type: string
  low: number
  high: number
  default: number
}

/** The parameters of the chosen strategy: ranges to try, or single numbers. */
export function Parameters({ field, value, error, parameters, onChange }: {
  field: Field
  value: { [name: string]: string | RangeText }
  error: string | undefined
  parameters: Record<string, Bounds>
  onChange: (value: Value) => void
}) {
  const named = (name: string, bounds: Bounds): Field => ({
    ...field,
    name,
    label: name.replaceAll('_', ' '),
    hint: `${bounds.low} to ${bounds.high}${field.kind === 'ranges' ? `; left empty it stays at ${bounds.default}` : ''}`,
    kind: field.kind === 'ranges' ? 'range' : 'number',
    nullable: true,
    empty: String(bounds.default),
  })
  return (
    <fieldset className="field field-list">
      <legend className="unseen">{field.label}</legend>
      {Object.entries(parameters).map(([name, bounds]) =>
        field.kind === 'ranges' ? (
          <RangeInput
            key={name}
            field={named(name, bounds)}
            value={(value[name] as RangeText | undefined) ?? NO_RANGE}
            error={error?.includes(name) ? error : undefined}
            onChange={(next) => onChange({ ...value, [name]: next as never })}
          />
        ) : (
          <Text
            key={name}
            field={named(name, bounds)}
            value={(value[name] as string | undefined) ?? ''}
            error={error?.includes(name) ? error : undefined}
            onChange={(next) => onChange({ ...value, [name]: next as string })}
          />
        ),
      )}
      {error !== undefined && !Object.keys(parameters).some((name) => error.includes(name)) && (
        <p className="field-said bad">{error}</p>
      )}
    </fieldset>
  )
}
