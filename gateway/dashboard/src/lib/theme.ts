// Dark or light: the system's choice until the reader makes one, which is remembered.

import { useSyncExternalStore } from 'react'

export type Theme = 'dark' | 'light'

const KEY = 'regimeflow.theme'
const system = matchMedia('(prefers-color-scheme: light)')
const listeners = new Set<() => void>()

function chosen(): Theme | null {
  const held = localStorage.getItem(KEY)
  return held === 'dark' || held === 'light' ? held : null
}

export function theme(): Theme {
  return chosen() ?? (system.matches ? 'light' : 'dark')
}

export function applyTheme(): void {
  document.documentElement.dataset['theme'] = theme()
  seen.clear()
  listeners.forEach((listener) => listener())
}

export function toggleTheme(): void {
  localStorage.setItem(KEY, theme() === 'dark' ? 'light' : 'dark')
  applyTheme()
}

system.addEventListener('change', applyTheme)

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }, theme)
}

const seen = new Map<string, string>()

/** A token of the style sheet as a colour that a canvas understands. */
export function colour(token: string): string {
  const known = seen.get(token)
  if (known !== undefined) return known
  const probe = document.createElement('i')
  probe.style.color = `var(--${token})`
  document.body.append(probe)
  const found = getComputedStyle(probe).color
  probe.remove()
  seen.set(token, found)
  return found
}

/** The same colour, see-through. */
export function faded(rgb: string, alpha: number): string {
  return rgb.replace(/rgba?\((\d+),\s*(\d+),\s*(\d+).*\)/, `rgba($1, $2, $3, ${alpha})`)
}
