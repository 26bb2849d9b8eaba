// What confirms a signal, and what risk speaks against it.

import type { SignalItem } from '../contract'
import { Notes } from '../ui/Notes'
import { Panel } from '../ui/Panel'
import text from '../ui/text.module.css'
import { AccountAdvice } from './AccountAdvice'
import { Check, FAILED, PASSED, UNJUDGED } from './Check'
import styles from './Checks.module.css'

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
      </ul>
      <Notes notes={signal.risk_notes} />
      <AccountAdvice key={signal.signal_id} signal={signal} />
    </Panel>
  )
}
