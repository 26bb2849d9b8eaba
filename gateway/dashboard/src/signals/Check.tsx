// One check of a signal: whether it passed, and the numbers of it.

import { classes } from '../lib/classes'
import styles from './Checks.module.css'

export interface Verdict {
  mark: string
  tone: string
  word: string
}

export const PASSED: Verdict = { mark: '✓', tone: 'good', word: 'passed' }
export const FAILED: Verdict = { mark: '✕', tone: 'bad', word: 'failed' }
export const UNJUDGED: Verdict = { mark: '?', tone: 'warn', word: 'not judged' }
const WARNED: Verdict = { mark: '!', tone: 'warn', word: 'warns' }
export const RISK_VERDICTS = { pass: PASSED, warn: WARNED, fail: FAILED }

export function Check({ name, detail, verdict }: { name: string; detail: string; verdict: Verdict }) {
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
