// Sign-in at an OIDC issuer: authorisation code with PKCE. Tokens stay in this tab.

import { UserManager, WebStorageStateStore } from 'oidc-client-ts'

export interface Session {
  /** The access token; null where nobody has signed in, or it has expired. */
  token: () => string | null
  signIn: () => Promise<void>
  forget: () => Promise<void>
}

/** Take up the session of this tab, or finish the sign-in from which the issuer led back. */
export async function openSession(
  issuer: string,
  clientId: string,
  scope: string,
  onEnd: (reason: string) => void,
): Promise<Session> {
  const home = `${location.origin}/`
  const manager = new UserManager({
    authority: issuer,
    client_id: clientId,
    redirect_uri: home,
    scope,
    response_type: 'code',
    userStore: new WebStorageStateStore({ store: sessionStorage }),
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
    automaticSilentRenew: false, // its way without a refresh token is a frame, which the page's policy forbids
    monitorSession: false,
    loadUserInfo: false,
  })
  let user = await manager.getUser()
  const query = new URLSearchParams(location.search)
  if (query.has('state') && (query.has('code') || query.has('error'))) {
    try {
      user = await manager.signinRedirectCallback()
    } finally {
      history.replaceState(null, '', home + (typeof user?.state === 'string' ? user.state : ''))
      dispatchEvent(new HashChangeEvent('hashchange'))
    }
  }
  manager.events.addUserLoaded((loaded) => {
    user = loaded
  })
  manager.events.addAccessTokenExpiring(() => {
    if (user?.refresh_token) void manager.signinSilent().catch(() => null) // its expiry tells
  })
  manager.events.addAccessTokenExpired(() => {
    user = null
    onEnd('Your sign-in has expired')
  })
  return {
    token: () => (user === null || user.expired === true ? null : user.access_token),
    signIn: () => manager.signinRedirect({ state: location.hash }),
    forget: async () => {
      user = null
      await manager.removeUser()
    },
  }
}
