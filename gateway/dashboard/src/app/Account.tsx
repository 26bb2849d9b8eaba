// Who is signed in; and the sheet by which one signs in, by the issuer or with an API key.

import { type FormEvent, useState } from 'react'

import { signInAtIssuer, signInWithKey, signOut, useAccess } from '../lib/access'
import { Button } from '../ui/Button'
import { PlainPanel } from '../ui/Panel'
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

/** What stands in place of the pages while nobody is signed in. */
export function SignInPage() {
  const options = useAccess((state) => state.options)
  const reason = useAccess((state) => state.reason)
  const [key, setKey] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    void signInWithKey(key).finally(() => setBusy(false))
  }
  return (
    <main className={styles.page}>
      <PlainPanel className={styles.panel}>
        <h1>RegimeFlow</h1>
        {reason !== null && <p role="alert">{reason}.</p>}
        {options?.client_id != null && (
          <Button kind="main" onClick={signInAtIssuer}>
            Sign in at {new URL(options.issuer ?? location.origin).hostname}
          </Button>
        )}
        <form className={styles.form} onSubmit={submit}>
          <label htmlFor="api-key">API key</label>
          <input
            id="api-key"
            type="password"
            value={key}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setKey(event.target.value)}
          />
          <Button type="submit" disabled={busy || key.trim() === ''}>
            Use this key
          </Button>
        </form>
        <p className="muted">A key is kept in this tab alone. `regimeflow keys create` makes one.</p>
      </PlainPanel>
    </main>
  )
}
