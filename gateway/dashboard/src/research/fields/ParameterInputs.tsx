// The parameters of the chosen strategy: ranges to try, or single numbers.

import { classes } from '../../lib/classes'
import { NO_RANGE, type RangeText, type Value } from '../draft'
import type { Field } from '../schema'
import styles from './fields.module.css'
import { RangeInput } from './RangeInput'
import { TextInput } from './TextInput'

export interface Bounds {
  type: string
  low: number
  high: number
  default: number
}

export function ParameterInputs({
  field,
  value,
  error,
  parameters,
  onChange,
}: {
  field: Field
  value: { [name: string]: string | RangeText }
  error: string | undefined
  parameters: Record<string, Bounds>
  onChange: (value: Value) => void
}) {
  const fieldOf = (name: string, bounds: Bounds): Field => ({
    ...field,
    name,
    label: name.replaceAll('_', ' '),
    hint: `${bounds.low} to ${bounds.high}${field.kind === 'ranges' ? `; left empty it stays at ${bounds.default}` : ''}`,
    kind: field.kind === 'ranges' ? 'range' : 'number',
    nullable: true,
    empty: String(bounds.default),
  })
  return (
    <fieldset className={classes(styles.field, styles.list)}>
      <legend className="unseen">{field.label}</legend>
      {Object.entries(parameters).map(([name, bounds]) =>
        field.kind === 'ranges' ? (
          <RangeInput
            key={name}
            field={fieldOf(name, bounds)}
            value={(value[name] as RangeText | undefined) ?? NO_RANGE}
            error={error?.includes(name) ? error : undefined}
            onChange={(next) => onChange({ ...value, [name]: next as never })}
          />
        ) : (
          <TextInput
            key={name}
            field={fieldOf(name, bounds)}
            value={(value[name] as string | undefined) ?? ''}
            error={error?.includes(name) ? error : undefined}
            onChange={(next) => onChange({ ...value, [name]: next as string })}
          />
        ),
      )}
      {error !== undefined && !Object.keys(parameters).some((name) => error.includes(name)) && (
        <p className={classes(styles.error, 'bad')}>{error}</p>
      )}
    </fieldset>
  )
}
