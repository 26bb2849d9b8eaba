// The features that pushed the models for or against a signal, and a sentence on them.

import type { Driver, Explanation, SignalItem } from '../contract'
import { classes } from '../lib/classes'
import { percent, valueText } from '../lib/format'
import { type Direction, TONE, WORD } from '../lib/signal'
import type { ExplanationState } from '../live/LiveState'
import { liveStore, useLive } from '../live/LiveStore'
import { Button } from '../ui/Button'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { Panel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import text from '../ui/text.module.css'
import styles from './Drivers.module.css'
import { wordsOf } from '../live/featureWords'
import { comparedText, rankText, type Ranks, sentenceOf, stateText } from '../live/reasons'

export function Drivers({ signal }: { signal: SignalItem }) {
  const state = useLive(({ explanations }) => explanations.get(signal.signal_id))
  const ask = () => void liveStore.explanations.request(signal)
  return (
    <Panel title="Why">
      {state?.explanation ? (
        <DriverTable state={state} direction={signal.direction} />
      ) : state?.phase === 'failed' && state.error ? (
        <Failure error={state.error} onRetry={ask} />
      ) : state?.phase === 'none' ? (
        <EmptyState title="Not explained yet">
          <p>The explain process was behind; it explains this signal when asked.</p>
          <Button onClick={ask}>Explain this signal</Button>
        </EmptyState>
      ) : state?.phase === 'pending' ? (
        <EmptyState title="Being explained">
          <p>Asked for; it appears here as soon as it is made.</p>
        </EmptyState>
      ) : (
        <Skeleton rows={6} label="The explanation is being read" />
      )}
    </Panel>
  )
}

function DriverTable({ state, direction }: { state: ExplanationState; direction: Direction }) {
  const { explanation, ranks } = state
  if (explanation === null) return null
  const { positive, negative } = explanation
  const largest = Math.max(...[...positive, ...negative].map((d) => Math.abs(d.contribution)), 1e-9)
  const compared = comparedText(ranks, explanation.event_time_ms)
  const word = WORD[explanation.explained_class].toLowerCase()
  return (
    <>
      <p className={styles.sentence}>{sentenceOf(explanation, ranks)}</p>
      <Answerers explanation={explanation} />
      <table className={styles.drivers}>
        <caption className="unseen">Share of each feature in the push for or against {word}</caption>
        <thead>
          <tr>
            <th scope="col">Feature</th>
            <th scope="col">Value is</th>
            <th scope="col">
              <span>◂ against</span> <span>for {word} ▸</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {[...positive, ...negative].map((driver) => (
            <DriverRow key={driver.feature} driver={driver} ranks={ranks} largest={largest} tone={TONE[direction]} />
          ))}
        </tbody>
      </table>
      <p className={text.footNote}>
        {compared && `Top and bottom: of the last ${compared}. `}Shares of the pooled attribution.{' '}
        {Object.values(explanation.methods).join('; ')}.
      </p>
    </>
  )
}

/** Who answered and why, where it is not the universal model alone. */
function Answerers({ explanation: { answered_by: who, shares, why } }: { explanation: Explanation }) {
  if (who === null || who === undefined || who === 'universal') return null
  const parts = Object.entries(shares).map(([name, share]) => `${name.replaceAll('_', ' ')} ${percent(share)}`)
  return (
    <p className={text.aside}>
      Answered by {parts.join(', ')}. {why}.
    </p>
  )
}

interface RowProps {
  driver: Driver
  ranks: Ranks
  largest: number
  tone: string
}

function DriverRow({ driver, ranks, largest, tone }: RowProps) {
  const share = driver.contribution
  const width = `${(Math.abs(share) / largest) * 100}%`
  const parts = [
    driver.xgboost_margin === null ? '' : `XGBoost ${valueText(driver.xgboost_margin)}`,
    driver.lstm_gradient === null ? '' : `LSTM ${valueText(driver.lstm_gradient)}`,
  ]
  return (
    <tr title={`${driver.feature} ${driver.value ?? 'unknown'}; ${parts.filter(Boolean).join(', ')} log-odds`}>
      <th scope="row">{wordsOf(driver.feature)}</th>
      <td>
        {stateText(driver, ranks).replace(/^is /, '')}
        <span className={styles.rank}>{rankText(driver, ranks)}</span>
      </td>
      <td className={styles.push}>
        <span className={classes(styles.side, styles.sideAgainst)}>
          {share < 0 && <i className={styles.against} style={{ width }} />}
        </span>
        <span className={styles.side}>{share > 0 && <i className={tone} style={{ width }} />}</span>
        <span className={styles.share}>
          {share < 0 ? '−' : '+'}
          {percent(Math.abs(share))}
        </span>
      </td>
    </tr>
  )
}
