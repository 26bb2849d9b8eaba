// A command that is tried first, which changes nothing, and then done.

import { useEffect, useEffectEvent, useState } from 'react'

import { type ApiError, asApiError, randomId } from './api'

interface Step<T> {
  dryRun: boolean
  /** Of the command: the same key asked twice is one command. */
  key: string
  answer: T | null
  error: ApiError | null
}

export interface TriedCommand<T> extends Omit<Step<T>, 'key'> {
  /** Do what was tried. */
  confirm: () => void
  /** Try once more from the start. */
  tryAgain: () => void
  /** Ask again after a failure. */
  retry: () => void
}

/** Send a dry run at once; `onAnswer` hears of every answer and refusal. */
export function useTriedCommand<T>(
  send: (dryRun: boolean, key: string) => Promise<T>,
  onAnswer: (dryRun: boolean, error: ApiError | null) => void,
): TriedCommand<T> {
  const [step, setStep] = useState<Step<T>>(() => freshStep(true))
  const ask = useEffectEvent(async ({ dryRun, key }: Step<T>) => {
    const result = await send(dryRun, key).then(
      (answer) => ({ answer, error: null }),
      (error: unknown) => ({ answer: null, error: asApiError(error) }),
    )
    setStep((before) => (before.key === key ? { ...before, ...result } : before))
    onAnswer(dryRun, result.error)
  })
  useEffect(() => {
    if (step.answer === null && step.error === null) void ask(step)
  }, [step])
  return {
    ...step,
    confirm: () => setStep(freshStep(false)),
    tryAgain: () => setStep(freshStep(true)),
    // A command may have been taken although its answer failed: then the same one is asked for.
    retry: () => setStep(step.error !== null && isUnsure(step.error) ? { ...step, error: null } : freshStep(true)),
  }
}

function freshStep<T>(dryRun: boolean): Step<T> {
  return { dryRun, key: randomId(), answer: null, error: null }
}

function isUnsure({ status }: ApiError): boolean {
  return status === 0 || status >= 500
}
