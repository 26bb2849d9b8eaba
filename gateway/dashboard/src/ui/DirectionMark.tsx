import { classes } from '../lib/classes'
import { ARROW, type Direction, TONE, WORD } from '../lib/signal'
import styles from './DirectionMark.module.css'

export function DirectionMark({ direction }: { direction: Direction }) {
  return (
    <span className={classes(styles.direction, TONE[direction])}>
      <span aria-hidden="true">{ARROW[direction]}</span> {WORD[direction]}
    </span>
  )
}
