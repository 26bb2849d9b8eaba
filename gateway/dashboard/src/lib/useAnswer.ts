// What a route answers, read again and again while a part of the page shows it.

import { useCallback, useEffect, useState } from 'react'

import { type ApiError, asApiError, askRoute } from './api'

const RETRY_MS = 3_000

interface State<T> {
  path: string
  data: T | null
  error: ApiError | null
}

export interface Answer<T> {
  /** Null before the first answer. */
  data: T | null
  /** Of the newest question; it stands beside what was known before. */
  error: ApiError | null
  reload: () => void
}

/**
 * Ask a route once, or every so often; a question that failed is asked again.
 *
 * Without a path nothing is asked; a pause asks nothing either, and keeps what is known.
 */
export function useAnswer<T>(path: string | null, everyMs: number | null = null, isPaused = false): Answer<T> {
  const [state, setState] = useState<State<T> | null>(null)
  const [reads, setReads] = useState(0)
  useEffect(() => {
    if (path === null || isPaused) return
    let timer = 0
    let isOver = false
    const read = async () => {
      const next = await askRoute<T>(path).then(
        (data) => ({ data, error: null }),
        (error: unknown) => ({ data: null, error: asApiError(error) }),
      )
      if (isOver) return
      setState((before) => ({
        path,
        data: next.data ?? (before?.path === path ? before.data : null),
        error: next.error,
      }))
      const isLasting = next.error !== null && next.error.status >= 400 && next.error.status < 500
      const waitMs = next.error === null || isLasting ? everyMs : RETRY_MS
      if (waitMs !== null) timer = window.setTimeout(() => void read(), waitMs)
    }
    void read()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [path, everyMs, isPaused, reads])
  const reload = useCallback(() => setReads((count) => count + 1), [])
  return state?.path === path ? { data: state.data, error: state.error, reload } : { data: null, error: null, reload }
}
