// Why somebody commands something: the audit keeps it.

import type { RefObject } from 'react'

import { classes } from '../lib/classes'
import styles from './ReasonField.module.css'
import text from './text.module.css'

interface Props {
  value: string
  onChange: (reason: string) => void
  required?: boolean
  input?: RefObject<HTMLInputElement | null>
}

export function ReasonField({ value, onChange, required = false, input }: Props) {
  return (
    <label className={classes(text.field, styles.reason)}>
      Reason, for the audit
      <input
        ref={input}
        value={value}
        maxLength={1_000}
        required={required}
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  )
}
