// What every input has around it: its label, and under it a hint or what is wrong.

import type { ReactNode } from 'react'

import { classes } from '../../lib/classes'
import type { Value } from '../draft'
import type { Field } from '../schema'
import styles from './fields.module.css'

export interface NamedValue {
  name: string
  label?: string
  meaning?: string
}

export interface InputProps<T = Value> {
  field: Field
  value: T
  error: string | undefined
  /** Names that the gateway knows for this field, with what they mean. */
  names?: readonly NamedValue[] | undefined
  onChange: (value: Value) => void
}

export function Labelled({
  field,
  error,
  id,
  children,
  aside,
}: {
  field: Field
  error: string | undefined
  id: string
  aside?: ReactNode
  children: ReactNode
}) {
  return (
    <div
      className={classes(styles.field, field.kind === 'time' && styles.time)}
      data-name={field.name}
      data-wrong={error !== undefined}
    >
      <div className={styles.head}>
        <label htmlFor={id}>{field.label}</label>
        {aside}
      </div>
      {children}
      <Note id={`${id}-note`} error={error} hint={field.hint} />
    </div>
  )
}

export function Note({ id, error, hint }: { id: string; error: string | undefined; hint: string }) {
  if (error !== undefined)
    return (
      <p id={id} className={classes(styles.error, 'bad')}>
        <span aria-hidden="true">✕</span> {error}
      </p>
    )
  return hint ? (
    <p id={id} className={classes(styles.hint, 'muted')}>
      {hint}
    </p>
  ) : null
}

export function described(field: Field, error: string | undefined, id: string) {
  return {
    ...(error !== undefined ? { 'aria-invalid': true } : {}),
    ...(error !== undefined || field.hint ? { 'aria-describedby': `${id}-note` } : {}),
  }
}
