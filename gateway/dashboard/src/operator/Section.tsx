// A framed part of the page: heading, what stands beside it, and what becomes of its question.

import type { ReactNode } from 'react'

import type { Answer } from '../lib/useAnswer'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import styles from './Section.module.css'

interface Props {
  title: string
  aside?: ReactNode
  children: ReactNode
}

export function Section({ title, aside, children }: Props) {
  return (
    <PlainPanel className={styles.section} aria-label={title}>
      <PanelHead>
        <h2>{title}</h2>
        {aside}
      </PanelHead>
      {children}
    </PlainPanel>
  )
}

/** Why a part is not shown to who is signed in. */
export function Denied({ what, denial }: { what: string; denial: string }) {
  return (
    <EmptyState title={`${what} shown to administrators`}>
      <p>{denial}.</p>
    </EmptyState>
  )
}

/** What a question brought; before that its ghost, after a failure the failure beside what was known. */
export function Answered<T>({ answer, children }: { answer: Answer<T>; children: (data: T) => ReactNode }) {
  const { data, error, reload } = answer
  return (
    <>
      {error !== null && <Failure error={error} onRetry={reload} />}
      {data !== null ? children(data) : error === null && <Skeleton rows={4} label="Being read" />}
    </>
  )
}
