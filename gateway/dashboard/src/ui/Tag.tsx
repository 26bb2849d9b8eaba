// A word on its own, framed.

import type { ComponentPropsWithRef } from 'react'

import { classes } from '../lib/classes'
import styles from './chip.module.css'

interface Props extends ComponentPropsWithRef<'span'> {
  tone?: 'good' | 'warn' | 'bad' | 'accent' | 'muted' | ''
}

export function Tag({ tone = '', className, ...props }: Props) {
  return <span className={classes(styles.chip, styles.tag, tone, className)} {...props} />
}
