// The input for a field, by the kind that the schema says. A list holds inputs of its own.

import { classes } from '../../lib/classes'
import { Button } from '../../ui/Button'
import { type Draft, NO_RANGE, type RangeText } from '../draft'
import { errorAt, type FieldErrors, NO_ERRORS } from '../fieldErrors'
import type { Field } from '../schema'
import { ChoiceInput } from './ChoiceInput'
import styles from './fields.module.css'
import { FlagInput } from './FlagInput'
import type { InputProps, NamedValue } from './Labelled'
import { RangeInput } from './RangeInput'
import { SelectInput } from './SelectInput'
import { TextInput } from './TextInput'

export function FieldInput(
  props: InputProps & {
    errors?: FieldErrors
    path: string
    namesOf: (name: string) => readonly NamedValue[] | undefined
  },
) {
  const { field, value } = props
  switch (field.kind) {
    case 'flag':
      return <FlagInput {...props} value={value === true} />
    case 'range':
      return <RangeInput {...props} value={value as unknown as RangeText} />
    case 'list':
      return <ListInput {...props} errors={props.errors ?? NO_ERRORS} value={value as readonly Draft[]} />
    case 'part':
      return <PartInput {...props} errors={props.errors ?? NO_ERRORS} value={value as Draft} />
    case 'choice':
      if (field.choices.length <= 2 && !field.nullable) return <ChoiceInput {...props} value={String(value)} />
      return <SelectInput {...props} value={String(value)} options={field.choices} />
    case 'text':
      if (props.names)
        return <SelectInput {...props} value={String(value)} options={props.names.map(({ name }) => name)} />
      return <TextInput {...props} value={String(value)} />
    case 'ranges':
    case 'numbers':
      return null // asked for by name, see Parameters
    default:
      return <TextInput {...props} value={String(value)} />
  }
}

function PartInput({
  field,
  value,
  path,
  errors,
  namesOf,
  onChange,
}: InputProps<Draft> & {
  path: string
  errors: FieldErrors
  namesOf: (name: string) => readonly NamedValue[] | undefined
}) {
  return field.items.map((each) => (
    <FieldInput
      key={each.name}
      field={each}
      path={`${path}.${each.name}`}
      value={value[each.name] ?? ''}
      error={errorAt(errors, `${path}.${each.name}`)}
      errors={errors}
      namesOf={namesOf}
      onChange={(next) => onChange({ ...value, [each.name]: next })}
    />
  ))
}

function ListInput({
  field,
  value,
  error,
  path,
  errors,
  namesOf,
  onChange,
}: InputProps<readonly Draft[]> & {
  path: string
  errors: FieldErrors
  namesOf: (name: string) => readonly NamedValue[] | undefined
}) {
  const change = (place: number, item: Draft) => onChange(value.map((each, at) => (at === place ? item : each)))
  const one = field.label.replace(/s$/, '')
  return (
    <div className={classes(styles.field, styles.list)}>
      {value.map((item, place) => (
        <fieldset key={place} className={styles.item}>
          <legend>
            {one} {place + 1}
          </legend>
          <Button
            className={styles.remove}
            aria-label={`Remove ${one.toLowerCase()} ${place + 1}`}
            onClick={() => onChange(value.filter((_, at) => at !== place))}
          >
            Remove
          </Button>
          <div className={styles.fields}>
            {field.items.map((each) => (
              <FieldInput
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
      {value.length === 0 && error !== undefined && <p className={classes(styles.error, 'bad')}>{error}</p>}
      {value.length < field.most && (
        <Button onClick={() => onChange([...value, emptyItem(field, value)])}>Add a {one.toLowerCase()}</Button>
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
