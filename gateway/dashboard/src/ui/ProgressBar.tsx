import { classes } from '../lib/classes'
import styles from './ProgressBar.module.css'

interface Props {
  /** Between 0 and 1; null while it is not known. */
  done: number | null
  label: string
  className?: string | undefined
}

export function ProgressBar({ done, label, className }: Props) {
  return (
    <span
      className={classes(styles.progress, done === null && styles.unknown, className)}
      role="progressbar"
      aria-label={label}
      {...(done === null ? {} : { 'aria-valuenow': Math.round(done * 100), 'aria-valuemin': 0, 'aria-valuemax': 100 })}
    >
      <i style={{ width: `${(done ?? 0.3) * 100}%` }} />
    </span>
  )
}
