import { useId } from 'react'

import { classes } from '../../lib/classes'
import styles from './fields.module.css'
import { described, type InputProps, Note } from './Labelled'

export function FlagInput({ field, value, error, onChange }: InputProps<boolean>) {
  const id = useId()
  return (
    <div className={classes(styles.field, styles.whole, styles.flag)}>
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
