// A share as a thin bar. The number stands beside it, so it is hidden from screen readers.

import { classes } from '../lib/classes'
import styles from './Meter.module.css'

export function Meter({ share, tone, className }: { share: number; tone: string; className?: string | undefined }) {
  return (
    <span className={classes(styles.meter, className)} aria-hidden="true">
      <i className={tone} style={{ width: `${share * 100}%` }} />
    </span>
  )
}
