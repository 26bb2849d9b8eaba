// Always in sight: the pages, market time, the state of the system.

import { type ReactNode, useEffect, useRef } from 'react'

import type { Page } from '../lib/route'
import type { ScopeChange } from '../lib/scope'
import { type Theme, toggleTheme, useTheme } from '../lib/theme'
import { Button } from '../ui/Button'
import { MarketClock } from './MarketClock'
import { ScopeLink } from './ScopeLink'
import { SystemLights } from './SystemLights'
import styles from './TopBar.module.css'

interface Props {
  page: Page
  pages: readonly { page: Page; name: string; place: string; scope: ScopeChange }[]
  /** Who is signed in. */
  account: ReactNode
  onSystem: () => void
  onFind: () => void
  onHelp: () => void
}

export function TopBar({ page, pages, account, onSystem, onFind, onHelp }: Props) {
  const nav = useRef<HTMLElement>(null)
  // On a phone the links are wider than the screen.
  useEffect(() => {
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [page])
  return (
    <header className={styles.top}>
      <h1 className={styles.brand}>
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M3 23c6 0 6-14 13-14s7 14 13 14" />
          <circle cx="16" cy="9" r="3.5" />
        </svg>
        <span>RegimeFlow</span>
      </h1>
      <MarketClock />
      <SystemLights onOpen={onSystem} />
      {account}
      <div className={styles.actions}>
        <Button kind="icon" aria-label="Go anywhere" title="Ctrl K" onClick={onFind}>
          <svg viewBox="0 0 16 16" aria-hidden="true" className={styles.find}>
            <circle cx="7" cy="7" r="4.5" />
            <path d="m10.5 10.5 3.5 3.5" />
          </svg>
        </Button>
        <ThemeButton />
        <Button kind="icon" aria-label="Keyboard help" onClick={onHelp}>
          ?
        </Button>
      </div>
      <nav ref={nav} className={styles.pages} aria-label="Pages">
        {pages.map(({ page: other, name, place, scope }) => (
          <ScopeLink key={other} to={place} scope={scope} {...(other === page ? { 'aria-current': 'page' } : {})}>
            {name}
          </ScopeLink>
        ))}
      </nav>
    </header>
  )
}

const NEXT: Record<Theme, Theme> = { dark: 'light', light: 'dark' }

function ThemeButton() {
  const next = NEXT[useTheme()]
  return (
    <Button kind="icon" aria-label={`Switch to ${next} theme`} onClick={toggleTheme}>
      <span aria-hidden="true">{next === 'light' ? '☀' : '☾'}</span>
    </Button>
  )
}
