// Which page is shown, as the address says.

import { useAddress } from '../lib/address'
import { type Page, pageOf } from '../lib/route'

export function usePage(): Page {
  return useAddress(({ hash }) => pageOf(hash))
}
