// Keyboard shortcuts. One table per page says what each key means and what it does.

import { useEffect, useEffectEvent } from 'react'

export interface KeyBinding {
  /** `KeyboardEvent.key` of each key; with Control or Command it begins with `Ctrl+`. */
  keys: readonly string[]
  meaning: string
  /** Absent where a component handles the key itself: the table then only explains it. */
  act?: (key: string) => unknown
  /** Also while someone types. */
  always?: boolean
}

/** A key press, with what decides whether it is a shortcut. */
export interface KeyPress {
  key: string
  control: boolean
  alt: boolean
  /** The focus is where text or a choice is entered. */
  typing: boolean
  /** The focus is on a listbox or a chart, or nowhere. */
  onList: boolean
}

// Elsewhere these scroll, or press what has the focus.
const LIST_KEYS = new Set(['ArrowDown', 'ArrowUp', 'ArrowLeft', 'ArrowRight', 'Home', 'End', 'Enter'])

/** The binding that a key press triggers. */
export function bindingOf(press: KeyPress, bindings: readonly KeyBinding[]): KeyBinding | undefined {
  const name = press.control ? `Ctrl+${press.key}` : press.key
  const rests = press.typing || press.alt || (LIST_KEYS.has(name) && !press.onList)
  return bindings.find(({ keys, act, always }) => act !== undefined && keys.includes(name) && (always || !rests))
}

const LABELS: Readonly<Record<string, string>> = {
  ArrowDown: '↓',
  ArrowUp: '↑',
  ArrowLeft: '←',
  ArrowRight: '→',
  Escape: 'Esc',
}

/** What stands on a key: `Ctrl+Enter` is pressed as `Ctrl` and `↵`. */
export function labelsOf(key: string): readonly string[] {
  if (key.startsWith('Ctrl+')) return ['Ctrl', key === 'Ctrl+Enter' ? '↵' : key.slice(5)]
  return [LABELS[key] ?? key]
}

/** Listen to a table of keys for the whole page. Keys rest while a dialog is open. */
export function useKeys(bindings: readonly KeyBinding[]): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    const target = event.target as HTMLElement
    if (target.closest('dialog[open]')) return
    const binding = bindingOf(pressOf(event, target), bindings)
    if (binding === undefined) return
    event.preventDefault()
    binding.act?.(event.key)
  })
  useEffect(() => {
    const listen = (event: KeyboardEvent) => press(event)
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [])
}

function pressOf(event: KeyboardEvent, target: HTMLElement): KeyPress {
  return {
    key: event.key,
    control: event.ctrlKey || event.metaKey,
    alt: event.altKey,
    typing: target.closest('input:not([type=checkbox]), select, textarea') !== null,
    onList: target === document.body || ['listbox', 'application'].includes(target.role ?? ''),
  }
}
