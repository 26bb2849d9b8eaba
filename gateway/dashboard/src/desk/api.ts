// Questions to the gateway; every failure carries the correlation id that its log knows it by.

export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when nothing answered. */
    readonly status: number,
    readonly correlationId: string,
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

async function ask(path: string, body?: unknown): Promise<unknown> {
  const correlationId = randomId()
  const headers: Record<string, string> = { 'X-Correlation-ID': correlationId }
  const request: RequestInit = { headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }
  if (body !== undefined) {
    headers['Content-Type'] = 'application/json'
    request.method = 'POST'
    request.body = JSON.stringify(body)
  }
  let response: Response
  try {
    response = await fetch(path, request)
  } catch {
    throw new ApiError('The gateway does not answer', 0, correlationId)
  }
  const answer: unknown = await response.json().catch(() => null)
  if (!response.ok) {
    const told = answer as { error?: string; detail?: string } | null
    const message = told?.error ?? told?.detail ?? `The gateway answered ${response.status}`
    throw new ApiError(message, response.status, correlationId)
  }
  return answer
}

/** Ask a route that answers in the envelope. */
export async function asked<T>(path: string, body?: unknown): Promise<T> {
  return ((await ask(path, body)) as Envelope<T>).data as T
}

/** Ask a route that answers as it is. */
export async function askedPlain<T>(path: string, body?: unknown): Promise<T> {
  return (await ask(path, body)) as T
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(String(error), 0, 'none')
}

// crypto.randomUUID exists in secure contexts only; loopback by another name may not be one.
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, '0')).join('')
}
