// The shape of what is being read. `--ghost-height` sets the height of a row.

import { classes } from '../lib/classes'
import styles from './Skeleton.module.css'

export function Skeleton({ rows, label, className }: { rows: number; label: string; className?: string | undefined }) {
  return (
    <div className={classes(styles.ghosts, className)} role="status" aria-busy="true" aria-label={label}>
      {Array.from({ length: rows }, (_, row) => (
        <i key={row} className={styles.ghost} />
      ))}
    </div>
  )
}
