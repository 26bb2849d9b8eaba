// What is not at its best, in the gateway's own words.

import { useState } from 'react'

import { wallText } from '../lib/format'
import { Banner } from '../ui/Banner'
import { Button } from '../ui/Button'
import { inTrouble } from './lights'
import { useLive } from './LiveStore'

const FEW_REASONS = 4 // more would push the page out of sight

export function HealthBanner() {
  const health = useLive((state) => state.health)
  const outage = useLive((state) => state.outage)
  const hasModel = useLive((state) => Object.keys(state.models?.serving ?? {}).length > 0)
  const [hidden, setHidden] = useState('')
  const [isWhole, setIsWhole] = useState(false)
  if (outage && health)
    return (
      <Banner tone="bad" role="alert">
        <b>The gateway does not answer.</b>
        <span>
          What you see is from {wallText(outage.sinceMs)}. Trying again by itself. Correlation id{' '}
          <code>{outage.error.correlationId}</code>
        </span>
      </Banner>
    )
  const reasons = health?.degraded ?? []
  const text = reasons.join('\n')
  // Ages grow in the text of a reason; hiding it must not end with the next bar.
  const kind = text.replace(/[\d.]+/g, '#')
  // Before the first model some reasons are only its beginning, until a process is in trouble.
  const counts = hasModel || Object.values(health?.processes ?? {}).some(inTrouble)
  if (!counts || reasons.length === 0 || hidden === kind) return null
  return (
    <Banner tone="warn" role="status">
      <b>Degraded</b>
      <ul>
        {(isWhole ? reasons : reasons.slice(0, FEW_REASONS)).map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      {reasons.length > FEW_REASONS && (
        <Button aria-expanded={isWhole} onClick={() => setIsWhole(!isWhole)}>
          {isWhole ? 'Less' : `${reasons.length - FEW_REASONS} more`}
        </Button>
      )}
      <Button onClick={() => setHidden(kind)}>Hide</Button>
    </Banner>
  )
}
