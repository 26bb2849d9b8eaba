// Buttons side by side of which one, or some, are pressed.

import type { ComponentPropsWithRef } from 'react'

import { classes } from '../lib/classes'
import styles from './Choices.module.css'

interface Props extends ComponentPropsWithRef<'div'> {
  /** Show what is pressed in the accent's colour. */
  accent?: boolean
}

export function Choices({ accent = false, className, ...props }: Props) {
  return <div className={classes(styles.choices, accent && styles.accent, className)} role="group" {...props} />
}
