// A table of keys, as a reader looks it up.

import type { ReactNode } from 'react'

import { type KeyBinding, labelsOf } from '../lib/keys'
import styles from './KeyHelp.module.css'
import text from './text.module.css'

export function KeyHelp({ keys, children }: { keys: readonly KeyBinding[]; children: ReactNode }) {
  return (
    <>
      <dl className={styles.shortcuts}>
        {keys.map((binding) => (
          <div key={binding.meaning}>
            <dt>
              {binding.keys.flatMap(labelsOf).map((label) => (
                <kbd key={label}>{label}</kbd>
              ))}
            </dt>
            <dd>{binding.meaning}</dd>
          </div>
        ))}
      </dl>
      <p className={text.footNote}>{children}</p>
    </>
  )
}
