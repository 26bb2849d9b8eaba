// The pinned runs of this browser.

import { readJson, writeJson } from '../lib/storage'
import { createStore, useStore } from '../lib/store'
import { type Pin, pinsOf, toggled } from './pins'

const KEY = 'regimeflow.research.pins'
const pins = createStore(pinsOf(readJson(KEY)))

// Another tab may pin, too.
addEventListener('storage', (event) => {
  if (event.key === KEY) pins.set(pinsOf(readJson(KEY)))
})

export function usePins(): readonly Pin[] {
  return useStore(pins, (all) => all)
}

/** Pin a run, or take it off. */
export function togglePin(pin: Pin): void {
  pins.set(toggled(pins.get(), pin))
  writeJson(KEY, pins.get())
}
