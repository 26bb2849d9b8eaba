import { afterEach, expect, test, vi } from 'vitest'

import { ApiError, ask, askPlain } from './api'

function answering(text: string, status = 200): void {
  vi.stubGlobal('fetch', () =>
    Promise.resolve(new Response(text, { status, headers: { 'X-Correlation-ID': 'c0ffee' } })),
  )
}

afterEach(() => vi.unstubAllGlobals())

async function failureOf(question: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await question.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ApiError)
  return error as ApiError
}

test('an answer gives what is in its envelope', async () => {
  answering('{"success": true, "data": {"signals": []}, "error": null}')

  expect(await ask('/api/signals')).toEqual({ signals: [] })
})

test.each(['', 'null', '[]', '7', '<html>', '{"success": tr', '"text"'])(
  'a body that is no JSON object is a failure with its id: %s',
  async (text) => {
    answering(text)

    for (const question of [ask('/x'), askPlain('/x')]) {
      const { message, correlationId, status } = await failureOf(question)
      expect(message).toContain('cannot be read')
      expect([correlationId, status]).toEqual(['c0ffee', 200])
    }
  },
)

test.each(['{}', '{"data": null}', '{"success": true, "data": 3}'])(
  'an envelope without data is a failure, not a null: %s',
  async (text) => {
    answering(text)

    expect((await failureOf(ask('/x'))).message).toContain('holds no data')
  },
)

test.each(['', 'null', '[]', 'Bad Gateway', '{"detail": [{"msg": "no"}]}', '{"error": 5}'])(
  'a refusal that gives no reason in words still says its status: %s',
  async (text) => {
    answering(text, 502)

    const { message, status } = await failureOf(ask('/x'))
    expect([message, status]).toEqual(['The gateway answered 502', 502])
  },
)

test('a refusal says why, and which job it is about', async () => {
  answering('{"detail": "too slow", "job_id": "j1"}', 504)

  const { message, jobId } = await failureOf(askPlain('/x'))
  expect([message, jobId]).toEqual(['too slow', 'j1'])
})

test('a body that is cut on its way is no answer', async () => {
  const body = new ReadableStream({ start: (stream) => stream.error(new TypeError('cut')) })
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(body)))

  expect((await failureOf(ask('/x'))).message).toBe('The gateway does not answer')
})
