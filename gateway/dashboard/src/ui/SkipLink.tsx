// For the keyboard: past the head of the page. It is seen while it has the focus.

import type { ReactNode } from 'react'

import styles from './SkipLink.module.css'

/** Moves the focus to an element; the address, which names what is shown, stays. */
export function SkipLink({ to, children }: { to: string; children: ReactNode }) {
  return (
    <a
      className={styles.skip}
      href={`#${to}`}
      onClick={(event) => {
        event.preventDefault()
        document.getElementById(to)?.focus()
      }}
    >
      {children}
    </a>
  )
}
