// Commands: sent once by their key, and asked for until they are decided.

import type { CommandAnswer, OutcomeView } from '../contract'
import { ApiError, askPlain } from './api'

const ANSWER_WITHIN_MS = 15_000 // the gateway itself waits some seconds for the outcome
const POLL_MS = 1_000
const POLLS = 60

/** Send a command and return how it was decided; the same key is the same command, however often it is sent. */
export async function sendCommand(path: string, body: object, key: string): Promise<OutcomeView> {
  const options = { headers: { 'Idempotency-Key': key }, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }
  const answer = await askPlain<CommandAnswer | OutcomeView>(path, body, options)
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
