// Questions to the gateway; every failure carries the correlation id that its log knows it by.

export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when nothing answered. */
    readonly status: number,
    readonly correlationId: string,
    /** The job that was asked for, when it goes on or failed. */
    readonly jobId: string | null = null,
  ) {
    super(message)
  }
}

interface Envelope<T> {
  success: boolean
  data: T | null
  error: string | null
}

const ANSWER_WITHIN_MS = 8_000

async function send(path: string, body?: unknown, options: RequestInit = {}): Promise<unknown> {
  const correlationId = randomId()
  let response: Response
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    response = await fetch(path, { signal, ...requestOf(body, correlationId), ...options })
  } catch {
    throw new ApiError('The gateway does not answer', 0, correlationId)
  }
  if (!response.ok) throw await refusal(response)
  return response.json().catch(() => null)
}

/** A question with a JSON body, or a plain one, and the id that the gateway's log will know it by. */
export function requestOf(body?: unknown, correlationId: string = randomId()): RequestInit {
  const headers = { 'X-Correlation-ID': correlationId }
  if (body === undefined) return { headers }
  const json = { ...headers, 'Content-Type': 'application/json' }
  return { method: 'POST', headers: json, body: JSON.stringify(body) }
}

/** What an answer that is no success says. */
export async function refusal(response: Response): Promise<ApiError> {
  const refused = (await response.json().catch(() => null)) as Refusal | null
  const message = refused?.error ?? refused?.detail ?? `The gateway answered ${response.status}`
  const correlationId = response.headers.get('X-Correlation-ID') ?? 'none'
  return new ApiError(message, response.status, correlationId, refused?.job_id ?? null)
}

interface Refusal {
  error?: string
  detail?: string
  job_id?: string
}

/** Ask a route that answers in the envelope. */
export async function ask<T>(path: string, body?: unknown): Promise<T> {
  return ((await send(path, body)) as Envelope<T>).data as T
}

/** Ask a route that answers as it is. */
export async function askPlain<T>(path: string, body?: unknown, options?: RequestInit): Promise<T> {
  return (await send(path, body, options)) as T
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(String(error), 0, 'none')
}

// crypto.randomUUID exists in secure contexts only; loopback by another name may not be one.
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, '0')).join('')
}
