// What confirms a signal, and what risk speaks against it.

import type { SignalItem } from '../contract'
import { classes } from '../lib/classes'
import { Notes } from '../ui/Notes'
import { Panel } from '../ui/Panel'
import text from '../ui/text.module.css'
import styles from './Checks.module.css'

const PASSED = { mark: '✓', tone: 'good', word: 'passed' }
const FAILED = { mark: '✕', tone: 'bad', word: 'failed' }
const UNJUDGED = { mark: '?', tone: 'warn', word: 'not judged' }
const WARNED = { mark: '!', tone: 'warn', word: 'warns' }

const NO_ACCOUNT = 'data missing' // as `streams/signals/risk.py` words a check that fails closed

function plain(name: string): string {
  return name.replaceAll('_', ' ')
}

function listed(names: readonly string[]): string {
  return new Intl.ListFormat('en').format(names)
}

export function Checks({ signal }: { signal: SignalItem }) {
  const judged = signal.risk_checks.filter((check) => !check.detail.startsWith(NO_ACCOUNT))
  const unjudged = signal.risk_checks.filter((check) => check.detail.startsWith(NO_ACCOUNT))
  const confirmed = signal.confirmations.filter((check) => check.passed === true).length
  return (
    <Panel
      title="Confirmations and risk"
      aside={<span className={text.aside}>{`${confirmed} of ${signal.confirmations.length} confirm`}</span>}
    >
      <ul className={styles.checks}>
        {signal.confirmations.map(({ name, passed, detail }) => (
          <Check
            key={name}
            name={name}
            detail={detail}
            verdict={passed === null ? UNJUDGED : passed ? PASSED : FAILED}
          />
        ))}
        {judged.map(({ name, outcome, detail }) => (
          <Check
            key={name}
            name={name}
            detail={detail}
            verdict={{ pass: PASSED, warn: WARNED, fail: FAILED }[outcome]}
          />
        ))}
      </ul>
      {unjudged.length > 0 && (
        <p className={text.footNote}>
          No account is connected: {listed(unjudged.map(({ name }) => plain(name)))} are not judged, and the advice
          counts as not approved. There is none to connect here: this system reads no account and places no order. Hold
          the signal against your limits where you trade.
        </p>
      )}
      <Notes notes={signal.risk_notes} />
    </Panel>
  )
}

function Check({
  name,
  detail,
  verdict,
}: {
  name: string
  detail: string
  verdict: { mark: string; tone: string; word: string }
}) {
  return (
    <li>
      <span className={classes(styles.mark, verdict.tone)} aria-hidden="true">
        {verdict.mark}
      </span>
      <span>
        <b>{plain(name)}</b> <span className="unseen">{verdict.word}</span>
        <span className="muted">{detail}</span>
      </span>
    </li>
  )
}
