// The frame of every page: top bar above, footer below, and the sheets that keys and lights open.

import { lazy, Suspense, useState } from 'react'

import { goTo } from '../lib/address'
import { classes } from '../lib/classes'
import { type KeyBinding, useKeys } from '../lib/keys'
import { ANALYSIS, type Page, SIGNALS } from '../lib/route'
import { toggleTheme } from '../lib/theme'
import { TopBar } from '../live/TopBar'
import { Dialog } from '../ui/Dialog'
import type { FrameProps } from '../ui/frame'
import { KeyHelp } from '../ui/KeyHelp'
import { Account } from './Account'
import { PAGES } from './page'
import styles from './PageFrame.module.css'

const SystemStatus = lazy(() => import('../live/SystemStatus').then((module) => ({ default: module.SystemStatus })))

interface Props extends FrameProps {
  page: Page
  /** The market that is looked at: the analysis begins with it. */
  symbol?: string | null
}

export function PageFrame({ page, symbol, className, skipLink, keys, help, footer, children }: Props) {
  const [sheet, setSheet] = useState<'system' | 'help' | null>(null)
  const close = () => setSheet(null)
  const pages = PAGES.map((each) => ({ ...each, scope: each.place === ANALYSIS && symbol ? { symbol } : {} }))
  const allKeys: readonly KeyBinding[] = [
    ...keys,
    ...pages.flatMap(({ page: other, place, scope, key, meaning }) => {
      if (key === null) return []
      // The key of a page that is shown leads back.
      const [to, words] = other === page ? [SIGNALS, 'To the signals'] : [place, meaning]
      return [{ keys: [key], meaning: words, act: () => goTo(to, scope) }]
    }),
    ...(page !== 'research' ? [{ keys: ['s'], meaning: 'State of the system', act: () => setSheet('system') }] : []),
    { keys: ['t'], meaning: 'Dark or light', act: toggleTheme },
    { keys: ['?'], meaning: 'This help', act: () => setSheet('help') },
  ]
  useKeys(allKeys)
  return (
    <div className={classes(styles.page, className)}>
      {skipLink}
      <TopBar
        page={page}
        pages={pages}
        account={<Account />}
        onSystem={() => setSheet('system')}
        onHelp={() => setSheet('help')}
      />
      <div id="body" className={styles.body}>
        {children}
        <footer className={classes(styles.footer, 'muted')}>{footer}</footer>
      </div>
      <Dialog title="State of the system" side open={sheet === 'system'} onClose={close}>
        <Suspense>
          <SystemStatus />
        </Suspense>
      </Dialog>
      <Dialog title="Keyboard" open={sheet === 'help'} onClose={close}>
        <KeyHelp keys={allKeys}>{help}</KeyHelp>
      </Dialog>
    </div>
  )
}
