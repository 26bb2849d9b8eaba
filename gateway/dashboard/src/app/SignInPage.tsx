// The sheet by which one signs in, by the issuer or with an API key.

import { type FormEvent, useState } from 'react'

import { signInAtIssuer, signInWithKey, useAccess } from '../lib/access'
import { Button } from '../ui/Button'
import { PlainPanel } from '../ui/Panel'
import styles from './Account.module.css'

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
        {reason !== null && (
          <p role="alert" className="bad">
            {reason}.
          </p>
        )}
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
          <Button
            kind={options?.client_id == null ? 'main' : 'plain'}
            type="submit"
            className={styles.use}
            disabled={busy || key.trim() === ''}
          >
            Use this key
          </Button>
        </form>
        <p className="muted">
          A key is kept in this tab alone. <code>regimeflow keys create NAME --scope operate</code> makes one.
        </p>
      </PlainPanel>
    </main>
  )
}
