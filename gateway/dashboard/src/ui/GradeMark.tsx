import { classes } from '../lib/classes'
import type { Grade } from '../lib/signal'
import styles from './GradeMark.module.css'

const CLASSES: Record<Grade, string | undefined> = { 'A+': styles.gradeA, A: styles.gradeA, B: styles.gradeB, C: '' }

interface Props {
  grade: Grade
  large?: boolean
  className?: string | undefined
}

export function GradeMark({ grade, large = false, className }: Props) {
  return (
    <span className={classes(styles.grade, CLASSES[grade], large && styles.large, className)}>
      <span className="unseen">Grade </span>
      {grade}
    </span>
  )
}
