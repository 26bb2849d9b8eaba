// A word's meaning, one hover, focus or tap away. Escape puts it away.

import { useId } from 'react'

import styles from './Definition.module.css'

interface Props {
  /** What is defined, e.g. `Agreement`. */
  of: string
  /** A sentence or several, each a line of its own. */
  sentences: readonly string[]
}

export function Definition({ of, sentences }: Props) {
  const id = useId()
  return (
    <span className={styles.definition}>
      <button
        type="button"
        className={styles.mark}
        aria-label={`${of}: what it means`}
        aria-describedby={id}
        onClick={(event) => event.currentTarget.focus()}
        onKeyDown={({ key, currentTarget }) => key === 'Escape' && currentTarget.blur()}
      >
        ?
      </button>
      <span id={id} role="tooltip" className={styles.text}>
        {sentences.map((sentence) => (
          <span key={sentence}>{sentence}</span>
        ))}
      </span>
    </span>
  )
}
