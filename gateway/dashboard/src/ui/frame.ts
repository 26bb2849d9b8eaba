// What a page gives to the frame around it: top bar, keys and their help, footer.

import type { ReactNode } from 'react'

import type { KeyBinding } from '../lib/keys'

export interface FrameProps {
  className?: string | undefined
  skipLink: ReactNode
  keys: readonly KeyBinding[]
  /** Stands under the keys in the help dialog. */
  help: ReactNode
  footer: ReactNode
  children: ReactNode
}
