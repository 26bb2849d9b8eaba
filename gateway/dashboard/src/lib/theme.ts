// Dark or light: the system's choice until the reader makes one, which is remembered.

import { readText, writeText } from './storage'
import { createStore, useStore } from './store'

export type Theme = 'dark' | 'light'

const KEY = 'regimeflow.theme'
const systemIsLight = matchMedia('(prefers-color-scheme: light)')
const theme = createStore(preferred())
const colours = new Map<string, string>()

function preferred(): Theme {
  const choice = readText(KEY)
  if (choice === 'dark' || choice === 'light') return choice
  return systemIsLight.matches ? 'light' : 'dark'
}

export function applyTheme(): void {
  const next = preferred()
  document.documentElement.dataset['theme'] = next
  colours.clear()
  theme.set(next)
}

export function toggleTheme(): void {
  writeText(KEY, theme.get() === 'dark' ? 'light' : 'dark')
  applyTheme()
}

systemIsLight.addEventListener('change', applyTheme)

export function useTheme(): Theme {
  return useStore(theme, (current) => current)
}

/** A token of the style sheet as a colour that a canvas understands. */
export function colour(token: string): string {
  const cached = colours.get(token)
  if (cached !== undefined) return cached
  const probe = document.createElement('i')
  probe.style.color = `var(--${token})`
  document.body.append(probe)
  const computed = getComputedStyle(probe).color
  probe.remove()
  colours.set(token, computed)
  return computed
}
