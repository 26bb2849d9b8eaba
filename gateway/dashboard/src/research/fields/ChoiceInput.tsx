import { useId } from 'react'

import { classes } from '../../lib/classes'
import { Choices } from '../../ui/Choices'
import styles from './fields.module.css'
import { type InputProps, Note } from './Labelled'

export function ChoiceInput({ field, value, error, onChange }: InputProps<string>) {
  const id = useId()
  return (
    <div className={classes(styles.field, styles.whole)} data-wrong={error !== undefined}>
      <div className={styles.head}>
        <span id={id}>{field.label}</span>
        <Choices accent aria-labelledby={id}>
          {field.choices.map((name) => (
            <button key={name} type="button" aria-pressed={name === value} onClick={() => onChange(name)}>
              {name.replaceAll('_', ' ')}
            </button>
          ))}
        </Choices>
      </div>
      <Note id={`${id}-note`} error={error} hint={field.hint} />
    </div>
  )
}
