// Who is signed in, and what a request shows for it. A credential lasts as long as the tab.

import type { PrincipalView, SignIn } from '../contract'
import type { Session } from './oidc'
import { createStore, update, useStore } from './store'

export type Scope = NonNullable<PrincipalView['scope']>

export interface Access {
  /** open: nobody has to sign in here. */
  phase: 'checking' | 'open' | 'out' | 'in'
  options: SignIn | null
  who: PrincipalView | null
  /** Why one is signed out; null: nobody has tried. */
  reason: string | null
}

const SCOPES: readonly Scope[] = ['read', 'operate', 'admin']
const KEY = 'regimeflow.api-key'

export const access = createStore<Access>({ phase: 'checking', options: null, who: null, reason: null })
let session: Session | null = null

/** What a request shows; nothing where nobody has signed in. */
export function accessHeaders(): Record<string, string> {
  const token = session?.token() ?? null
  if (token !== null) return { Authorization: `Bearer ${token}` }
  const key = storedKey()
  return key === null ? {} : { 'X-API-Key': key }
}

/** Find out whether one has to sign in, and whether this tab has. */
export async function startAccess(): Promise<void> {
  const options = await askEnvelope<SignIn>('/api/access/sign-in')
  if (options === null || options.mode === 'off') {
    update(access, { phase: 'open', options })
    return
  }
  update(access, { options })
  if (options.issuer !== null && options.client_id !== null) {
    try {
      const { openSession } = await import('./oidc')
      session = await openSession(options.issuer, options.client_id, options.request_scopes, signOut)
    } catch (error) {
      signOut(`The sign-in failed: ${error instanceof Error ? error.message : String(error)}`)
      return
    }
  }
  await identify(null)
}

/** Leave for the issuer's page; it leads back here. */
export function signInAtIssuer(): void {
  session?.signIn().catch((error: unknown) => signOut(`The issuer cannot be asked: ${String(error)}`))
}

export async function signInWithKey(key: string): Promise<void> {
  writeKey(key.trim())
  await identify('This API key does not count')
}

/** Forget who was signed in. Requests wait until somebody is again. */
export function signOut(reason: string | null): void {
  writeKey(null)
  void session?.forget()
  update(access, { phase: 'out', who: null, reason })
}

/** A request was refused, for want of a credential that counts. */
export function refused(): void {
  if (access.get().phase === 'open') void startAccess()
  else if (access.get().phase === 'in') signOut('Your sign-in has ended')
}

/** Whether requests have to wait for somebody to sign in. */
export function isSignedOut(): boolean {
  return access.get().phase === 'out'
}

/** Whether who is signed in may do what needs a scope. */
export function may({ phase, who }: Access, scope: Scope): boolean {
  if (phase === 'open' || who === null) return phase !== 'out'
  return who.scope !== null && SCOPES.indexOf(who.scope) >= SCOPES.indexOf(scope)
}

/** Why who is signed in may not do what needs a scope; null where he may. */
export function denial(state: Access, scope: Scope): string | null {
  if (may(state, scope)) return null
  return `This needs the scope ${scope}; ${state.who?.name ?? 'nobody'} has ${state.who?.scope ?? 'none'}`
}

export function useDenial(scope: Scope): string | null {
  return useStore(access, (state) => denial(state, scope))
}

export function useAccess<Part>(select: (state: Access) => Part): Part {
  return useStore(access, select)
}

async function identify(refusal: string | null): Promise<void> {
  const headers = accessHeaders()
  if (Object.keys(headers).length === 0) {
    update(access, { phase: 'out', who: null, reason: null })
    return
  }
  const response = await fetch('/api/access/principal', { headers }).catch(() => null)
  if (response === null || response.status === 503) {
    update(access, { phase: 'in', who: null }) // the page says that the gateway is away
    return
  }
  const body = (await response.json().catch(() => null)) as { data: PrincipalView | null; error: string | null } | null
  if (response.ok && body?.data) update(access, { phase: 'in', who: body.data, reason: null })
  else signOut(response.status === 401 ? (refusal ?? 'Your sign-in has ended') : (body?.error ?? 'You may not enter'))
}

async function askEnvelope<T>(path: string): Promise<T | null> {
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(8_000) })
    return response.ok ? ((await response.json()) as { data: T }).data : null
  } catch {
    return null
  }
}

function storedKey(): string | null {
  try {
    return sessionStorage.getItem(KEY)
  } catch {
    return null
  }
}

function writeKey(key: string | null): void {
  try {
    if (key === null) sessionStorage.removeItem(KEY)
    else sessionStorage.setItem(KEY, key)
  } catch {
    // A browser that keeps nothing cannot keep a key either.
  }
}
