// A table that scrolls inside its place, by keyboard as well.

import type { ReactNode } from 'react'

import { classes } from '../lib/classes'
import styles from './TableScroll.module.css'

interface Props {
  label: string
  /** Show every row; scroll sideways alone. */
  whole?: boolean
  className?: string | undefined
  children: ReactNode
}

export function TableScroll({ label, whole = false, className, children }: Props) {
  return (
    <div
      className={classes(styles.scroll, whole && styles.whole, className)}
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      {children}
    </div>
  )
}
