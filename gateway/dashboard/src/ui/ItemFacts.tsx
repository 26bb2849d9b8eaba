// What is known of an item at its head: names above values.

import type { ReactNode } from 'react'

import styles from './itemHead.module.css'

export function ItemFacts({ children }: { children: ReactNode }) {
  return <dl className={styles.facts}>{children}</dl>
}

interface Props {
  name: string
  value: string
  note?: string
  title?: string
}

export function ItemFact({ name, value, note, title }: Props) {
  return (
    <div>
      <dt>{name}</dt>
      <dd title={title}>
        {value} {note !== undefined && <span className="muted">{note}</span>}
      </dd>
    </div>
  )
}
