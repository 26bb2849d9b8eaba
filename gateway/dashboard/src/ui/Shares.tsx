// Shares that sum to one, side by side.

import { classes } from '../lib/classes'
import styles from './Shares.module.css'

interface Props {
  parts: readonly { share: number; tone: string }[]
  label: string
  className?: string | undefined
}

export function Shares({ parts, label, className }: Props) {
  return (
    <span className={classes(styles.shares, className)} role="img" aria-label={label}>
      {parts.map(({ share, tone }) => (
        <i key={tone} className={tone} style={{ flexGrow: share }} />
      ))}
    </span>
  )
}
