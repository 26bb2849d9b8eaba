// What is loaded and drawn only once its place is in sight, so that the rest of a page comes first.

import { type ReactNode, Suspense, useEffect, useRef, useState } from 'react'

interface Props {
  /** Holds the place, as high as what comes. */
  waiting: ReactNode
  children: ReactNode
}

export function WhenSeen({ waiting, children }: Props) {
  const [isSeen, setSeen] = useState(false)
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (place.current === null) return
    const observer = new IntersectionObserver((entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) setSeen(true)
    })
    observer.observe(place.current)
    return () => observer.disconnect()
  }, [isSeen])
  return isSeen ? <Suspense fallback={waiting}>{children}</Suspense> : <div ref={place}>{waiting}</div>
}
