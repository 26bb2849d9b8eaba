import { useId } from 'react'

import { classes } from '../../lib/classes'
import { countText } from '../../lib/format'
import { countOf, type RangeText } from '../draft'
import styles from './fields.module.css'
import { described, type InputProps, Note } from './Labelled'

const EDGES = ['min', 'max', 'step'] as const

export function RangeInput({ field, value, error, onChange }: InputProps<RangeText>) {
  const id = useId()
  const count = countOf(value)
  return (
    <fieldset className={classes(styles.field, styles.range)} data-wrong={error !== undefined}>
      <legend>{field.label}</legend>
      <span className={classes(styles.count, 'muted')}>{count === null ? '' : `${countText(count)} values`}</span>
      <div className={styles.edges}>
        {EDGES.map((edge) => (
          <label key={edge}>
            <span className="unseen">{field.label} </span>
            {edge}
            <input
              type="text"
              inputMode="decimal"
              value={value[edge]}
              autoComplete="off"
              onChange={(event) => onChange({ ...value, [edge]: event.target.value })}
              {...described(field, error, id)}
            />
          </label>
        ))}
      </div>
      <Note id={`${id}-note`} error={error} hint={field.hint} />
    </fieldset>
  )
}
