import { classes } from '../lib/classes'
import styles from './ReadingMark.module.css'
import { type Reading, READINGS } from './readings'

export function ReadingMark({ reading, absent = 'unknown' }: { reading: Reading | null; absent?: string }) {
  if (reading === null) return <span className={classes(styles.reading, 'muted')}>{absent}</span>
  const { arrow, word, tone } = READINGS[reading]
  return (
    <span className={classes(styles.reading, tone)}>
      <span aria-hidden="true">{arrow}</span> {word}
    </span>
  )
}
