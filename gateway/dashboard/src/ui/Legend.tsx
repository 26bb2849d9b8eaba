// What each colour of a drawing stands for. An item's class gives its colour.

import type { ComponentPropsWithRef } from 'react'

import { classes } from '../lib/classes'
import styles from './Legend.module.css'

export function Legend({ wraps = false, className, ...props }: ComponentPropsWithRef<'ul'> & { wraps?: boolean }) {
  return <ul className={classes(styles.legend, wraps && styles.wraps, className)} {...props} />
}
