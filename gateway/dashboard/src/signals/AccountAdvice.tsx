// What a signal means for the account that is connected: how much to take, and which limits that meets.

import { useState } from 'react'

import type { PredictAnswer, SignalItem } from '../contract'
import { type ApiError, asApiError, askPlain } from '../lib/api'
import { useTimeframes } from '../live/timeframes'
import { Button } from '../ui/Button'
import { Failure } from '../ui/Failure'
import text from '../ui/text.module.css'
import styles from './Checks.module.css'
import { Check, RISK_VERDICTS } from './Check'

type Advice = Pick<PredictAnswer, 'recommended_quantity' | 'risk_validation'>

/** Asked for by a button: the answer is of now, and of nobody but who asks. */
export function AccountAdvice({ signal }: { signal: SignalItem }) {
  const { all } = useTimeframes()
  const [advice, setAdvice] = useState<Advice | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const [waiting, setWaiting] = useState(false)

  const ask = async () => {
    setWaiting(true)
    setError(null)
    try {
      setAdvice(
        await askPlain<PredictAnswer>('/api/v1/predict', {
          symbol: signal.symbol,
          timeframe: all.find(({ ms }) => ms === signal.timeframe_ms)?.name,
          timestamp: new Date(signal.event_time_ms).toISOString(),
        }),
      )
    } catch (failure) {
      setError(asApiError(failure))
    } finally {
      setWaiting(false)
    }
  }

  // Where the account is unknown every check says the same as the line above them.
  const checks = advice?.risk_validation?.details.filter(
    ({ detail }) => detail !== advice.risk_validation?.quantity_note,
  )
  return (
    <>
      {advice?.risk_validation && (
        <>
          <p className={styles.quantity}>
            {advice.recommended_quantity === null
              ? `No quantity: ${advice.risk_validation.quantity_note}.`
              : `Up to ${advice.recommended_quantity} of ${signal.symbol} by your limits. Advice, never an order.`}
          </p>
          <ul className={styles.checks}>
            {checks?.map(({ name, outcome, detail }) => (
              <Check key={name} name={name} detail={detail} verdict={RISK_VERDICTS[outcome]} />
            ))}
          </ul>
        </>
      )}
      {error && <Failure error={error} />}
      <p className={text.footNote}>
        A signal is the same for everybody; what it means for your account is computed when you ask.{' '}
        <Button onClick={() => void ask()} disabled={waiting}>
          {advice ? 'Check again' : 'Check against my account'}
        </Button>
      </p>
    </>
  )
}
