import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { followJob, type StreamListener } from './jobStream'

const event = (id: string, name: string) => `id: ${id}\nevent: ${name}\ndata: {}\n\n`

let asked: { path: string; lastId: string | null }[] = []

/** Answer each question with the next stream. */
function gatewayWith(...streams: readonly string[]): void {
  const waiting = [...streams]
  vi.stubGlobal('fetch', (path: string, request: RequestInit) => {
    asked.push({ path, lastId: new Headers(request.headers).get('Last-Event-ID') })
    const stream = waiting.shift()
    return stream === undefined ? Promise.reject(new Error('offline')) : Promise.resolve(new Response(stream))
  })
}

function listener(): StreamListener & { names: string[]; interruptions: string[] } {
  const [names, interruptions]: [string[], string[]] = [[], []]
  return {
    names,
    interruptions,
    receive: ({ name }) => {
      names.push(name)
      return name === 'result'
    },
    interrupted: ({ message }) => interruptions.push(message),
    jobId: () => (names.length > 0 ? 'job-1' : null),
  }
}

beforeEach(() => {
  asked = []
  vi.useFakeTimers()
  vi.stubGlobal('window', globalThis)
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a stream is followed to its last event', async () => {
  gatewayWith(event('1', 'init') + event('2', 'result') + event('3', 'after'))
  const recorder = listener()

  await followJob('/start', {}, new AbortController().signal, recorder)

  expect(recorder.names).toEqual(['init', 'result'])
})

test('a cut stream is taken up behind its last event', async () => {
  gatewayWith(event('1', 'init') + event('2', 'progress'), event('3', 'result'))
  const recorder = listener()

  const following = followJob('/start', {}, new AbortController().signal, recorder)
  await vi.runAllTimersAsync()
  await following

  expect(asked).toEqual([
    { path: '/start', lastId: null },
    { path: '/backtest/jobs/job-1/stream', lastId: '2' },
  ])
  expect(recorder.names).toEqual(['init', 'progress', 'result'])
  expect(recorder.interruptions).toEqual(['The stream ended early'])
})

test('before the job has a name a cut stream is a failure', async () => {
  gatewayWith()

  await expect(followJob('/start', {}, new AbortController().signal, listener())).rejects.toThrow('does not answer')
})

test('after an abort nothing is asked again', async () => {
  gatewayWith(event('1', 'init'))
  const abort = new AbortController()
  const recorder = { ...listener(), jobId: () => 'job-1', interrupted: () => abort.abort() }

  const following = followJob('/start', {}, abort.signal, recorder)
  await vi.runAllTimersAsync()
  await following

  expect(asked).toHaveLength(1)
})
