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

export function Checks({ signal }: { signal: SignalItem }) {
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
        {signal.risk_checks.map(({ name, outcome, detail }) => (
          <Check
            key={name}
            name={name}
            detail={detail}
            verdict={{ pass: PASSED, warn: WARNED, fail: FAILED }[outcome]}
          />
        ))}
      </ul>
      <Notes notes={signal.risk_notes} />
      <p className={text.footNote}>Analysis only. Nothing here places an order.</p>
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
        <b>{name.replaceAll('_', ' ')}</b> <span className="unseen">{verdict.word}</span>
        <span className="muted">{detail}</span>
      </span>
    </li>
  )
}
