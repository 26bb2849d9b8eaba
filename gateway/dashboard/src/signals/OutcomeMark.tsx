// What became of a signal, once it is known; unknown where a hole in the bars hides it.

import type { SignalItem } from '../contract'
import { classes } from '../lib/classes'
import { signedPercent } from '../lib/format'
import { missText } from './missText'
import styles from './OutcomeMark.module.css'

export function OutcomeMark({ signal, detailed = false }: { signal: SignalItem; detailed?: boolean }) {
  const { score } = signal
  if (score === null) return null
  if (score.hit === null)
    return (
      <span className={classes(styles.outcome, 'muted')}>
        <span aria-hidden="true">?</span> unknown
      </span>
    )
  return (
    <span className={styles.outcome} title={missText(signal)}>
      <span className={score.hit ? 'good' : 'bad'}>
        <span aria-hidden="true">{score.hit ? '✓' : '✕'}</span>{' '}
        <span className={detailed ? '' : 'unseen'}>{score.hit ? 'Hit' : 'Miss'} </span>
      </span>
      {/* A miss may have earned something: its return has a colour of its own. */}
      {signal.direction !== 'neutral' && (
        <span className={(score.net_return ?? 0) < 0 ? 'bad' : 'good'}>{signedPercent(score.net_return)}</span>
      )}
    </span>
  )
}
