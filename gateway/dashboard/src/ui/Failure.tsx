// A failed question, with the id that the gateway's log knows it by.

import type { ReactNode } from 'react'

import type { ApiError } from '../lib/api'
import { Button } from './Button'
import styles from './Failure.module.css'

export function Failure({ error, onRetry }: { error: ApiError; onRetry?: () => void }) {
  return (
    <FailureBox>
      <p>
        <strong>{error.message}.</strong> {error.status > 0 && `Status ${error.status}.`}
      </p>
      <p className="muted">
        Correlation id <code>{error.correlationId}</code>
      </p>
      {onRetry && <Button onClick={onRetry}>Try again</Button>}
    </FailureBox>
  )
}

export function FailureBox({ children }: { children: ReactNode }) {
  return (
    <div className={styles.failure} role="alert">
      {children}
    </div>
  )
}
