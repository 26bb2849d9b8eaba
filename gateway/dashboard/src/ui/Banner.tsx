// A line across the page: something is not at its best.

import type { ComponentPropsWithRef } from 'react'

import { classes } from '../lib/classes'
import styles from './Banner.module.css'

export function Banner({ tone, ...props }: ComponentPropsWithRef<'div'> & { tone: 'warn' | 'bad' }) {
  return <div className={classes(styles.banner, styles[tone])} {...props} />
}
