// Server-Sent Events over fetch: EventSource cannot POST, nor say why it was refused.

import { ApiError, refusal, withAccess } from '../lib/api'

export interface StreamEvent {
  name: string
  id: string
  body: unknown
}

const SILENT_MS = 45_000 // the gateway sends a comment every 15 s

/** Ask for a stream and yield its events until it ends; raises `ApiError` when refused or cut. */
export async function* serverSentEvents(path: string, request: RequestInit): AsyncGenerator<StreamEvent> {
  const watch = new AbortController()
  const stop = () => watch.abort()
  request.signal?.addEventListener('abort', stop)
  let alarm = 0
  let answered = false
  const alive = () => {
    clearTimeout(alarm)
    alarm = window.setTimeout(stop, SILENT_MS)
  }
  try {
    alive()
    const response = await fetch(path, withAccess({ ...request, signal: watch.signal }))
    answered = true
    if (!response.ok || response.body === null) throw await refusal(response)
    const decoder = new TextDecoder()
    let text = ''
    for (const reader = response.body.getReader(); ;) {
      const { value, done } = await reader.read()
      if (done) return
      alive()
      const blocks = (text + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/)
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const event = eventOf(block)
        if (event !== null) yield event
      }
    }
  } catch (error) {
    if (error instanceof ApiError) throw error
    throw new ApiError(answered ? 'The stream was cut' : 'The gateway does not answer', 0, 'none')
  } finally {
    clearTimeout(alarm)
    request.signal?.removeEventListener('abort', stop)
    stop()
  }
}

function eventOf(block: string): StreamEvent | null {
  const fields = new Map<string, string>()
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? []
    if (name !== undefined) fields.set(name, (fields.has(name) ? `${fields.get(name)}\n` : '') + value)
  }
  const text = fields.get('data')
  if (text === undefined) return null
  return { name: fields.get('event') ?? 'message', id: fields.get('id') ?? '', body: JSON.parse(text) }
}
