// Who is signed in.

import { signOut, useAccess } from '../lib/access'
import { Button } from '../ui/Button'
import styles from './Account.module.css'

export function Account() {
  const phase = useAccess((state) => state.phase)
  const who = useAccess((state) => state.who)
  if (phase !== 'in') return null
  const name = who === null ? 'Signed in' : `${who.name} · ${who.scope}`
  return (
    <div className={styles.account}>
      <span className={styles.name} title={name}>
        {name}
      </span>
      <Button kind="icon" aria-label="Sign out" title={`${name}: sign out`} onClick={() => signOut(null)}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M6 2.5H3v11h3M10 5l3 3-3 3M13 8H6.5" />
        </svg>
      </Button>
    </div>
  )
}
