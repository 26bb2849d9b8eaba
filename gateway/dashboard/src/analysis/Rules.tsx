// By which rules the indicators are read: the same for every timeframe.

import type { AnalysisDefinitions } from '../contract'
import { PlainPanel } from '../ui/Panel'
import text from '../ui/text.module.css'
import { indicatorWords } from './readings'
import styles from './Rules.module.css'

export function Rules({ definitions }: { definitions: AnalysisDefinitions }) {
  return (
    <PlainPanel aria-label="Rules">
      <details className={styles.rules}>
        <summary>How each indicator is read</summary>
        <ul>
          {Object.entries(definitions.indicators).map(([name, { rule, source, minus }]) => (
            <li key={name}>
              <b>{indicatorWords(name, minus)}</b> <span className="muted">{source}</span>
              <code>{rule}</code>
            </li>
          ))}
        </ul>
        <p className={text.footNote}>{definitions.levels}.</p>
      </details>
    </PlainPanel>
  )
}
