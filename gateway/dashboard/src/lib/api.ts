// Questions to the gateway; every failure carries the correlation id that its log knows it by.

import { accessHeaders, isSignedOut, refused } from './access'

export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when nothing answered. */
    readonly status: number,
    readonly correlationId: string,
    /** The job that was asked for, when it goes on or failed. */
    readonly jobId: string | null = null,
    /** Why a command was refused, e.g. `stale`. */
    readonly code: string | null = null,
  ) {
    super(message)
  }
}

const ANSWER_WITHIN_MS = 8_000

async function send(path: string, body?: unknown, options: RequestInit = {}): Promise<Answer> {
  const correlationId = randomId()
  if (isSignedOut()) throw new ApiError('Nobody is signed in', 401, correlationId)
  let response: Response
  let text: string
  try {
    const request = requestOf(body, correlationId)
    const headers = { ...(request.headers as Record<string, string>), ...(options.headers as Record<string, string>) }
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    response = await fetch(path, withAccess({ signal, ...request, ...options, headers }))
    if (!response.ok) throw await refusal(response)
    text = await response.text()
  } catch (error) {
    if (error instanceof ApiError) throw error
    throw new ApiError('The gateway does not answer', 0, correlationId)
  }
  const answer = parsed(text)
  if (answer === null) throw unreadable(response, 'is no JSON object')
  return { answer, response }
}

interface Answer {
  answer: Record<string, unknown>
  response: Response
}

/** The JSON object that a text is; null when it is none. Every route answers with an object. */
export function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown> | null) : null
  } catch {
    return null
  }
}

function unreadable(response: Response, why: string): ApiError {
  const correlationId = response.headers.get('X-Correlation-ID') ?? 'none'
  return new ApiError(`The gateway's answer cannot be read: it ${why}`, response.status, correlationId)
}

/** A question with a JSON body, or a plain one, and the id that the gateway's log will know it by. */
export function requestOf(body?: unknown, correlationId: string = randomId()): RequestInit {
  const headers = { 'X-Correlation-ID': correlationId }
  if (body === undefined) return { headers }
  const json = { ...headers, 'Content-Type': 'application/json' }
  return { method: 'POST', headers: json, body: JSON.stringify(body) }
}

/** A request that shows who is signed in. */
export function withAccess(request: RequestInit): RequestInit {
  return { ...request, headers: { ...(request.headers as Record<string, string> | undefined), ...accessHeaders() } }
}

/** What an answer that is no success says. */
export async function refusal(response: Response): Promise<ApiError> {
  if (response.status === 401) refused()
  const body = parsed(await response.text().catch(() => ''))
  const said = (name: string) => (typeof body?.[name] === 'string' ? body[name] : null)
  const message = said('error') ?? said('detail') ?? `The gateway answered ${response.status}`
  const correlationId = response.headers.get('X-Correlation-ID') ?? 'none'
  return new ApiError(message, response.status, correlationId, said('job_id'), said('code'))
}

/** Ask a route that answers in the envelope. */
export async function ask<T>(path: string, body?: unknown, options?: RequestInit): Promise<T> {
  const { answer, response } = await send(path, body, options)
  if (typeof answer['data'] !== 'object' || answer['data'] === null) throw unreadable(response, 'holds no data')
  return answer['data'] as T
}

/** Ask a route that answers as it is. */
export async function askPlain<T>(path: string, body?: unknown, options?: RequestInit): Promise<T> {
  return (await send(path, body, options)).answer as T
}

/** Ask a route in the form that its family answers in. */
export function askRoute<T>(path: string, body?: unknown, options?: RequestInit): Promise<T> {
  return path.startsWith('/api/v1/') ? askPlain<T>(path, body, options) : ask<T>(path, body, options)
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(String(error), 0, 'none')
}

// crypto.randomUUID exists in secure contexts only; loopback by another name may not be one.
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, '0')).join('')
}
