// The frame of every page: top bar above, footer below, and the sheets that keys and lights open.

import { useState } from 'react'

import { classes } from '../lib/classes'
import { type KeyBinding, useKeys } from '../lib/keys'
import { ANALYSIS, linkToAnalysis, type Page, RESEARCH, SIGNALS } from '../lib/route'
import { toggleTheme } from '../lib/theme'
import { SystemStatus } from '../live/SystemStatus'
import { TopBar } from '../live/TopBar'
import { Dialog } from '../ui/Dialog'
import type { FrameProps } from '../ui/frame'
import { KeyHelp } from '../ui/KeyHelp'
import { Account } from './Account'
import styles from './PageFrame.module.css'

interface Props extends FrameProps {
  page: Page
  /** The market that is looked at: the analysis begins with it. */
  symbol?: string | null
}

export function PageFrame({ page, symbol, className, skipLink, keys, help, footer, children }: Props) {
  const [sheet, setSheet] = useState<'system' | 'help' | null>(null)
  const close = () => setSheet(null)
  const analysis = symbol ? linkToAnalysis(symbol) : ANALYSIS
  const allKeys: readonly KeyBinding[] = [
    ...keys,
    page === 'analysis'
      ? { keys: ['m'], meaning: 'To the signals', act: () => (location.hash = SIGNALS) }
      : { keys: ['m'], meaning: 'Timeframes side by side', act: () => (location.hash = analysis) },
    page === 'research'
      ? { keys: ['r'], meaning: 'To the signals', act: () => (location.hash = SIGNALS) }
      : { keys: ['r'], meaning: 'To the research page', act: () => (location.hash = RESEARCH) },
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
        analysis={analysis}
        account={<Account />}
        onSystem={() => setSheet('system')}
        onHelp={() => setSheet('help')}
      />
      <div id="body" className={styles.body}>
        {children}
        <footer className={classes(styles.footer, 'muted')}>{footer}</footer>
      </div>
      <Dialog title="State of the system" side open={sheet === 'system'} onClose={close}>
        <SystemStatus />
      </Dialog>
      <Dialog title="Keyboard" open={sheet === 'help'} onClose={close}>
        <KeyHelp keys={allKeys}>{help}</KeyHelp>
      </Dialog>
    </div>
  )
}
