// What is loaded and drawn only once its place is in sight, so that the rest of a page comes first.

import { type ReactNode, Suspense, useRef, useState } from 'react'

import { useInSight } from './useInSight'

interface Props {
  /** Holds the place, as high as what comes. */
  waiting: ReactNode
  children: ReactNode
}

export function WhenSeen({ waiting, children }: Props) {
  const [isSeen, setSeen] = useState(false)
  const place = useRef<HTMLDivElement>(null)
  const isInSight = useInSight(place)
  if (isInSight && !isSeen) setSeen(true)
  return isSeen ? <Suspense fallback={waiting}>{children}</Suspense> : <div ref={place}>{waiting}</div>
}
