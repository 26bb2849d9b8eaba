// Commands: sent once by their key, and asked for until they are decided.

import type { CommandAnswer, OutcomeView } from '../contract'
import { ApiError, askPlain, askRoute, randomId } from './api'

const ANSWER_WITHIN_MS = 15_000 // the gateway itself waits some seconds for the outcome
const POLL_MS = 1_000
const POLLS = 60

/** Send a command and return how it was decided; the same key is the same command, however often it is sent. */
export async function sendCommand(path: string, body: object, key: string, method = 'POST'): Promise<OutcomeView> {
  const options = { method, headers: { 'Idempotency-Key': key }, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }
  const answer = await askRoute<CommandAnswer | OutcomeView>(path, body, options)
  return decided('outcome' in answer ? answer.outcome : answer)
}

/** The outcome once it is known; as it is if that takes longer than a minute. */
async function decided(outcome: OutcomeView): Promise<OutcomeView> {
  let newest = outcome
  for (let poll = 0; newest.status === null && poll < POLLS; poll += 1) {
    await new Promise((done) => setTimeout(done, POLL_MS))
    newest = await askPlain<OutcomeView>(outcome.url).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return newest // not decided yet
      throw error
    })
  }
  return newest
}

/** A maker of keys: the same content sent twice in a row is the same command. */
export function commandKeys(): (content: unknown) => string {
  let last = { content: '', key: '' }
  return (content) => {
    const text = JSON.stringify(content)
    if (text !== last.content) last = { content: text, key: randomId() }
    return last.key
  }
}
