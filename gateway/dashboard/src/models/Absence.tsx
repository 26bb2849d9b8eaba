// Why no version is shown, and what comes next.

import type { ApiError } from '../lib/api'
import { MODELS } from '../lib/route'
import { Button } from '../ui/Button'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'

interface Props {
  /** What the address names; null: no version. */
  number: number | null
  error: ApiError | null
  isRead: boolean
  isPast: boolean
  onNow: () => void
}

export function Absence({ number, error, isRead, isPast, onNow }: Props) {
  if (error !== null && error.status !== 404)
    return (
      <PlainPanel aria-label="Not here">
        <Failure error={error} />
      </PlainPanel>
    )
  if (!isRead && error === null)
    return (
      <PlainPanel aria-label="Getting ready">
        <Skeleton rows={8} label="The versions are being read" />
      </PlainPanel>
    )
  if (isPast)
    return (
      <PlainPanel aria-label="Nothing at that time">
        <EmptyState title={number === null ? 'There was no model then' : `Version ${number} was not there then`}>
          <p>The list on this page shows what stood at the market time that is set above it.</p>
          <Button onClick={onNow}>Back to now</Button>
        </EmptyState>
      </PlainPanel>
    )
  if (number !== null)
    return (
      <PlainPanel aria-label="Not here">
        <EmptyState title={`There is no version ${number} of this timeframe`}>
          <p>
            Every timeframe counts its own. <a href={MODELS}>To the one that serves</a>
          </p>
        </EmptyState>
      </PlainPanel>
    )
  return (
    <PlainPanel aria-label="No models yet">
      <EmptyState title="No model of this timeframe yet">
        <p>
          The first one is trained as soon as the history of the markets is filled, and serves from the next bars on.
        </p>
      </EmptyState>
    </PlainPanel>
  )
}
