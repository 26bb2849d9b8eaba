// The frame of every page: top bar above, footer below, and the sheets that keys and lights open.

import { lazy, Suspense, useState } from 'react'

import { goTo, rescope } from '../lib/address'
import { classes } from '../lib/classes'
import { type KeyBinding, useKeys } from '../lib/keys'
import { ANALYSIS, type Page, SIGNALS } from '../lib/route'
import type { ScopeChange } from '../lib/scope'
import { toggleTheme } from '../lib/theme'
import { useLive } from '../live/LiveStore'
import { useTimeframes } from '../live/timeframes'
import { TopBar } from '../live/TopBar'
import { Dialog } from '../ui/Dialog'
import type { FrameProps } from '../ui/frame'
import { Account } from './Account'
import { PAGES } from './page'
import type { PaletteItem } from './palette'
import styles from './PageFrame.module.css'

const KeyHelp = lazy(() => import('../ui/KeyHelp').then((module) => ({ default: module.KeyHelp })))
const Palette = lazy(() => import('./Palette').then((module) => ({ default: module.Palette })))
const SystemStatus = lazy(() => import('../live/SystemStatus').then((module) => ({ default: module.SystemStatus })))

interface Props extends FrameProps {
  page: Page
  /** The market that is looked at: the analysis begins with it. */
  symbol?: string | null
}

export function PageFrame({ page, symbol, className, skipLink, keys, help, footer, children }: Props) {
  const [sheet, setSheet] = useState<'system' | 'help' | 'palette' | null>(null)
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
    { keys: ['Ctrl+k'], meaning: 'Any page, market, idea or command', act: () => setSheet('palette'), always: true },
  ]
  useKeys(allKeys)
  const scopes = useScopeItems(page)
  const paletteItems: readonly PaletteItem[] = [
    ...pages.map(({ name, place, scope, key }) => ({
      name,
      kind: 'Page',
      keyName: key ?? '',
      act: () => goTo(place, scope),
    })),
    ...scopes,
    ...commandsOf(allKeys.filter(({ meaning }) => !pages.some((each) => each.meaning === meaning))),
  ]
  return (
    <div className={classes(styles.page, className)}>
      {skipLink}
      <TopBar
        page={page}
        pages={pages}
        account={<Account />}
        onSystem={() => setSheet('system')}
        onFind={() => setSheet('palette')}
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
      <Dialog title="Go anywhere" open={sheet === 'palette'} onClose={close}>
        <Suspense>
          <Palette items={paletteItems} onClose={close} />
        </Suspense>
      </Dialog>
      <Dialog title="Keyboard" open={sheet === 'help'} onClose={close}>
        <Suspense>
          <KeyHelp keys={allKeys}>{help}</KeyHelp>
        </Suspense>
      </Dialog>
    </div>
  )
}

/** The markets and timeframes that can be looked at from a page. */
function useScopeItems(page: Page): readonly PaletteItem[] {
  const markets = useLive((state) => state.health?.symbols)
  const { all: timeframes } = useTimeframes()
  // A signal that is read is of one market and timeframe: another scope begins with its newest.
  const look = (scope: ScopeChange) => (page === 'signals' ? goTo(SIGNALS, scope) : rescope(scope))
  const item = (kind: string, name: string, scope: ScopeChange) => ({ name, kind, keyName: '', act: () => look(scope) })
  return [
    ...(markets ?? []).map(({ symbol }) => item('Market', symbol, { symbol })),
    item('Market', 'All markets', { symbol: null }),
    ...timeframes.map((timeframe) => item('Timeframe', timeframe.name, { timeframe })),
  ]
}

/** What the page does by one key. */
function commandsOf(keys: readonly KeyBinding[]): readonly PaletteItem[] {
  return keys.flatMap(({ keys: [key, ...others], meaning, act }) =>
    key === undefined || others.length > 0 || act === undefined
      ? []
      : [{ name: meaning, kind: 'Key', keyName: key, act: () => act(key) }],
  )
}
