// A framed part of a page with its heading.

import type { ComponentPropsWithRef, ReactNode } from 'react'

import { classes } from '../lib/classes'
import styles from './Panel.module.css'

interface Props {
  title: string
  aside?: ReactNode
  children: ReactNode
  className?: string | undefined
}

export function Panel({ title, aside, children, className }: Props) {
  return (
    <section className={classes(styles.panel, className)} aria-label={title}>
      <PanelHead>
        <h3>{title}</h3>
        {aside}
      </PanelHead>
      {children}
    </section>
  )
}

/** The frame alone, for a part that brings its own heading. */
export function PlainPanel({ className, ...props }: ComponentPropsWithRef<'section'>) {
  return <section className={classes(styles.panel, className)} {...props} />
}

/** Its first child is to the left, the others to the right. */
export function PanelHead({ children }: { children: ReactNode }) {
  return <header className={styles.head}>{children}</header>
}
