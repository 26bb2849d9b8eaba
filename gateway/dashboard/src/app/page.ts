// Which page is shown, as the address says.

import { type Page, pageOf } from '../lib/route'
import { createStore, useStore } from '../lib/store'

const page = createStore(pageOf(location.hash))
addEventListener('hashchange', () => page.set(pageOf(location.hash)))

export function usePage(): Page {
  return useStore(page, (current) => current)
}
