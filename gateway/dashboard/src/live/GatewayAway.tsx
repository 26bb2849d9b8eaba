// What a page shows in place of its content while the gateway does not answer.

import type { ApiError } from '../lib/api'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'

export function GatewayAway({ error }: { error: ApiError }) {
  return (
    <PlainPanel>
      <EmptyState title="The gateway cannot be reached">
        <p>Is it running? This page tries again by itself.</p>
      </EmptyState>
      <Failure error={error} />
    </PlainPanel>
  )
}
