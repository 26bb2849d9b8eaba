// Whether an element is in sight; not known is not.

import { type RefObject, useEffect, useState } from 'react'

export function useInSight(place: RefObject<Element | null>): boolean {
  const [isInSight, setInSight] = useState(false)
  useEffect(() => {
    if (place.current === null) return
    const observer = new IntersectionObserver((entries) => setInSight(entries.at(-1)!.isIntersecting))
    observer.observe(place.current)
    return () => observer.disconnect()
  }, [place])
  return isInSight
}
