// The place of what cannot be shown before the gateway has read its topics.

import { PlainPanel } from './Panel'
import { Skeleton } from './Skeleton'

export function GettingReady() {
  return (
    <PlainPanel aria-label="Getting ready">
      <Skeleton rows={8} label="The topics are being read" />
    </PlainPanel>
  )
}
