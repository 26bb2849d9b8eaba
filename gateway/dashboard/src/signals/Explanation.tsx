// Why: drivers and their sentence, confirmations and risk, the models behind it, provenance.

import type { Driver, SignalItem } from '../contract'
import type { ExplanationState } from '../live/LiveState'
import { liveStore, useLive } from '../live/LiveStore'
import type { Direction } from '../live/filter'
import { percent, stampText, valueText } from '../lib/format'
import { Failed, Nothing, Panel, Shares, TONE, WORD } from '../ui/marks'

export function Explanation({ signal }: { signal: SignalItem }) {
  return (
    <>
      <Drivers signal={signal} />
      <Checks signal={signal} />
      <Ensemble signal={signal} />
      <Provenance signal={signal} />
    </>
  )
}

function Drivers({ signal }: { signal: SignalItem }) {
  const reason = useLive((state) => state.explanations.get(signal.signal_id))
  const ask = () => void liveStore.explanations.request(signal)
  return (
    <Panel title="Why" className="drivers-panel">
      {reason?.explanation ? (
        <Explained reason={reason} direction={signal.direction} />
      ) : reason?.phase === 'failed' && reason.error ? (
        <Failed error={reason.error} onRetry={ask} />
      ) : reason?.phase === 'none' ? (
        <Nothing title="Not explained yet">
          <p>Directional signals explain themselves; others do when asked.</p>
          <button type="button" className="button" onClick={ask}>
            Explain this signal
          </button>
        </Nothing>
      ) : reason?.phase === 'pending' ? (
        <Nothing title="Being explained">
          <p>Asked for; it appears here as soon as it is made.</p>
        </Nothing>
      ) : (
        <div className="ghosts" aria-busy="true" aria-label="The explanation is being read">
          {Array.from({ length: 6 }, (_, place) => (
            <i key={place} className="ghost" />
          ))}
        </div>
      )}
    </Panel>
  )
}

function Explained({ reason, direction }: { reason: ExplanationState; direction: Direction }) {
  const { explanation } = reason
  if (explanation === null) return null
  const { positive, negative } = explanation
  const largest = Math.max(...[...positive, ...negative].map((d) => Math.abs(d.contribution)), 1e-9)
  const word = WORD[explanation.explained_class].toLowerCase()
  return (
    <>
      <p className="sentence">{explanation.sentence}</p>
      <table className="drivers">
        <caption className="unseen">Share of each feature in the push for or against {word}</caption>
        <thead>
          <tr>
            <th scope="col">Feature</th>
            <th scope="col">Value</th>
            <th scope="col">
              <span>◂ against</span> <span>for {word} ▸</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {[...positive, ...negative].map((driver) => (
            <DriverRow key={driver.feature} driver={driver} largest={largest} tone={TONE[direction]} />
          ))}
        </tbody>
      </table>
      <p className="muted foot-note">
        Shares of the pooled attribution. {Object.values(explanation.methods).join('; ')}.
      </p>
    </>
  )
}

function DriverRow({ driver, largest, tone }: { driver: Driver; largest: number; tone: string }) {
  const share = driver.contribution
  const width = `${(Math.abs(share) / largest) * 100}%`
  const parts = [
    driver.xgboost_margin === null ? '' : `XGBoost ${valueText(driver.xgboost_margin)}`,
    driver.lstm_gradient === null ? '' : `LSTM ${valueText(driver.lstm_gradient)}`,
  ]
  return (
    <tr title={`${parts.filter(Boolean).join(', ')} log-odds`}>
      <th scope="row">{driver.feature}</th>
      <td>{valueText(driver.value)}</td>
      <td className="push">
        <span className="push-side push-against">{share < 0 && <i className="against" style={{ width }} />}</span>
        <span className="push-side">{share > 0 && <i className={tone} style={{ width }} />}</span>
        <span className="push-text">
          {share < 0 ? '−' : '+'}
          {percent(Math.abs(share))}
        </span>
      </td>
    </tr>
  )
}

const PASSED = { mark: '✓', tone: 'good', word: 'passed' }
const FAILED = { mark: '✕', tone: 'bad', word: 'failed' }
const UNJUDGED = { mark: '?', tone: 'warn', word: 'not judged' }
const WARNED = { mark: '!', tone: 'warn', word: 'warns' }

function Checks({ signal }: { signal: SignalItem }) {
  const confirmed = signal.confirmations.filter((check) => check.passed === true).length
  return (
    <Panel
      title="Confirmations and risk"
      aside={<span className="muted">{`${confirmed} of ${signal.confirmations.length} confirm`}</span>}
    >
      <ul className="checks">
        {signal.confirmations.map(({ name, passed, detail }) => (
          <Check
            key={name}
            name={name}
            detail={detail}
            verdict={passed === null ? UNJUDGED : passed ? PASSED : FAILED}
          />
        ))}
        {signal.risk_checks.map(({ name, outcome, detail }) => (
          <Check
            key={name}
            name={name}
            detail={detail}
            verdict={{ pass: PASSED, warn: WARNED, fail: FAILED }[outcome]}
          />
        ))}
      </ul>
      {signal.risk_notes.length > 0 && (
        <ul className="notes">
          {signal.risk_notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <p className="muted foot-note">Analysis only. Nothing here places an order.</p>
    </Panel>
  )
}

function Check({ name, detail, verdict }: {
  name: string
  detail: string
  verdict: { mark: string; tone: string; word: string }
}) {
  return (
    <li>
      <span className={`check ${verdict.tone}`} aria-hidden="true">
        {verdict.mark}
      </span>
      <span>
        <b>{name.replaceAll('_', ' ')}</b> <span className="unseen">{verdict.word}</span>
        <span className="muted">{detail}</span>
      </span>
    </li>
  )
}

function Ensemble({ signal }: { signal: SignalItem }) {
  return (
    <Panel title="Models and regime">
      <table className="members">
        <caption className="unseen">What each member of the ensemble says, before pooling</caption>
        <thead>
          <tr>
            <th scope="col">Member</th>
            <th scope="col" className="down">sell</th>
            <th scope="col" className="flat">neutral</th>
            <th scope="col" className="up">buy</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(signal.members).map(([name, p]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{percent(p.sell)}</td>
              <td>{percent(p.neutral)}</td>
              <td>{percent(p.buy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <dl className="facts">
        <dt>Regime</dt>
        <dd>
          <Shares
            label="Regime probabilities"
            parts={[
              { share: signal.regime.bear, tone: 'down' },
              { share: signal.regime.sideways, tone: 'flat' },
              { share: signal.regime.bull, tone: 'up' },
            ]}
          />
          bear {percent(signal.regime.bear)} · side {percent(signal.regime.sideways)} · bull{' '}
          {percent(signal.regime.bull)}
        </dd>
        <dt>Entropy</dt>
        <dd>{signal.regime.entropy.toFixed(2)} of 1</dd>
        <dt>Trend state</dt>
        <dd>{signal.regime.trend_state.toLowerCase()}</dd>
        {Object.entries(signal.strategy_weights).map(([name, weight]) => (
          <Fact key={name} name={name.replaceAll('_', ' ')} value={percent(weight)} />
        ))}
      </dl>
    </Panel>
  )
}

function Provenance({ signal }: { signal: SignalItem }) {
  return (
    <Panel
      title="Provenance"
      aside={
        <span className={`tag ${signal.qualified ? 'good' : 'warn'}`}>
          {signal.qualified ? '✓ qualified' : '! unqualified'}
        </span>
      }
    >
      <dl className="facts">
        <Fact name="Model" value={signal.model_version} code />
        <Fact name="Feature set" value={signal.feature_set_id} code />
        <Fact name="Regime filter" value={signal.regime.parameters_version ?? 'none fitted'} code />
        <Fact name="Device" value={signal.device} />
        <Fact name="Bar closed" value={stampText(signal.event_time_ms)} />
        <Fact name="Known" value={`${signal.available_time_ms - signal.event_time_ms} ms after the close`} />
        <Fact name="Signal" value={signal.signal_id} code />
        <Fact name="Prediction" value={signal.prediction_id} code />
      </dl>
    </Panel>
  )
}

function Fact({ name, value, code = false }: { name: string; value: string; code?: boolean }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{code ? <code>{value}</code> : value}</dd>
    </>
  )
}
