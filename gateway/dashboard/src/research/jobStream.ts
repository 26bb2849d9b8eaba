// Follows the stream of a job to its end. A stream that is cut is taken up where it stopped.

import { ApiError, asApiError } from '../lib/api'
import { serverSentEvents, type StreamEvent } from './serverSentEvents'

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000]

export interface StreamListener {
  /** Take one event; whether it was the last. */
  receive: (event: StreamEvent) => boolean
  interrupted: (error: ApiError) => void
  /** The job that is followed, once the stream has named it. */
  jobId: () => string | null
}

/** Follow a stream until its last event or the abort; raises `ApiError` when it cannot go on. */
export async function followJob(
  path: string,
  request: RequestInit,
  signal: AbortSignal,
  listener: StreamListener,
): Promise<void> {
  let lastId = ''
  for (let attempt = 0; !signal.aborted;) {
    try {
      for await (const event of serverSentEvents(path, { ...request, signal })) {
        if (signal.aborted) return
        lastId = event.id
        attempt = 0
        if (listener.receive(event)) return
      }
      throw new ApiError('The stream ended early', 0, 'none')
    } catch (error) {
      const failure = asApiError(error)
      const jobId = listener.jobId()
      if (signal.aborted) return
      const mayReturn = failure.status === 0 || failure.status === 503
      if (!mayReturn || jobId === null) throw failure
      listener.interrupted(failure)
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(attempt++, RETRY_MS.length - 1)]))
      path = pathOf(jobId)
      request = { headers: lastId === '' ? {} : { 'Last-Event-ID': lastId } }
    }
  }
}

export function pathOf(jobId: string): string {
  return `/backtest/jobs/${jobId}/stream`
}
