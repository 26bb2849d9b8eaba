// Always in sight: connection, lag, model, processes, market time, rejected records.

import { useEffect, useState } from 'react'

import { marketNow } from './marketTime'
import type { Health, ModelList } from '../contract'
import { useLive } from './LiveStore'
import type { Connection } from './socket'
import { clockText, countText, dayText, durationText, percent } from '../lib/format'
import { type Page, RESEARCH, SIGNALS } from '../lib/route'
import { type Theme, toggleTheme, useTheme } from '../lib/theme'

interface Props {
  page: Page
  onSystem: () => void
  onHelp: () => void
}

interface State {
  tone: 'good' | 'warn' | 'bad' | 'calm'
  text: string
  under: string
  done?: number
}

export function TopBar({ page, onSystem, onHelp }: Props) {
  const health = useLive((state) => state.health)
  const models = useLive((state) => state.models)
  const silent = useLive((state) => state.outage !== null)
  return (
    <header className="top">
      <h1 className="brand">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M3 23c6 0 6-14 13-14s7 14 13 14" />
          <circle cx="16" cy="9" r="3.5" />
        </svg>
        RegimeFlow
      </h1>
      <nav className="pages" aria-label="Pages">
        <a href={SIGNALS} {...(page === 'signals' ? { 'aria-current': 'page' } : {})}>
          Signals
        </a>
        <a href={RESEARCH} {...(page === 'research' ? { 'aria-current': 'page' } : {})}>
          Research
        </a>
      </nav>
      <MarketClock />
      <div className="lights" role="group" aria-label="State of the system">
        <Stream onSystem={onSystem} />
        <Light name="Lag" state={lagState(health, models, silent)} onOpen={onSystem} />
        <Light name="Model" state={modelState(health, models)} onOpen={onSystem} />
        <Light name="Processes" state={processState(health, silent)} onOpen={onSystem} />
        <Light name="Rejected" state={rejectedState(health)} onOpen={onSystem} />
      </div>
      <div className="top-acts">
        <ThemeButton />
        <button type="button" className="button button-icon" aria-label="Keyboard help" onClick={onHelp}>
          ?
        </button>
      </div>
    </header>
  )
}

function Light({ name, state, onOpen }: { name: string; state: State; onOpen: () => void }) {
  return (
    <button type="button" className={`light light-${state.tone}`} onClick={onOpen}>
      <span className="light-name">{name}</span>
      <span className="light-text">
        <i className="dot" aria-hidden="true" />
        {state.text}
      </span>
      <span className="light-under muted">{state.under}</span>
      {state.done !== undefined && (
        <span className="light-done" aria-hidden="true">
          <i style={{ width: `${state.done * 100}%` }} />
        </span>
      )}
    </button>
  )
}

function Stream({ onSystem }: { onSystem: () => void }) {
  const connection = useLive((state) => state.connection)
  const paused = useLive((state) => state.paused)
  const [, redraw] = useState(0)
  useEffect(() => {
    if (connection.phase !== 'waiting') return
    const pulse = setInterval(() => redraw((n) => n + 1), 500)
    return () => clearInterval(pulse)
  }, [connection])
  return <Light name="Stream" state={streamState(connection, paused)} onOpen={onSystem} />
}

function streamState({ phase, attempt, retryAtMs }: Connection, paused: boolean): State {
  if (phase === 'live')
    return paused
      ? { tone: 'calm', text: 'Paused', under: 'still connected' }
      : { tone: 'good', text: 'Live', under: 'WebSocket' }
  if (phase === 'connecting') return { tone: 'calm', text: 'Connecting', under: attempt ? `attempt ${attempt + 1}` : '' }
  const seconds = Math.max(0, Math.ceil(((retryAtMs ?? 0) - Date.now()) / 1_000))
  return { tone: 'bad', text: 'Reconnecting', under: seconds ? `in ${seconds} s` : 'now' }
}

function lagState(health: Health | null, models: ModelList | null, silent: boolean): State {
  if (health === null) return { tone: 'calm', text: '–', under: '' }
  if (silent) return { tone: 'bad', text: 'Unknown', under: 'gateway silent' }
  if (!health.broker_connected) return { tone: 'bad', text: 'Broker away', under: 'last state shown' }
  const stale = health.symbols.filter((symbol) => symbol.stale).length
  const serves = models !== null && Object.keys(models.serving).length > 0
  if (stale && !serves) return { tone: 'calm', text: 'Catching up', under: `${stale} markets` }
  if (stale) return { tone: 'warn', text: `${stale} stale`, under: 'data older than 2 bars' }
  const times = Object.values(health.canary?.stages_ms ?? {}).filter((ms) => ms !== null)
  const behind = `${countText(health.views_lag_records)} behind`
  if (times.length === 0) return { tone: 'good', text: behind, under: 'records' }
  return {
    tone: health.canary?.complete || !serves ? 'good' : 'warn',
    text: durationText(Math.max(...times)),
    under: health.views_lag_records ? behind : 'bar to signal',
  }
}

function modelState(health: Health | null, models: ModelList | null): State {
  if (models === null) return { tone: 'calm', text: '–', under: '' }
  const { training } = models
  const serving = Object.values(models.serving)[0]
  const busy = training !== null && training.stage !== 'done' && training.stage !== 'failed'
  if (serving === undefined) {
    if (training?.stage === 'failed') return { tone: 'bad', text: 'Failed', under: 'training' }
    if (busy) return { tone: 'calm', text: `Training ${percent(training.done)}`, under: training.stage, done: training.done }
    return { tone: 'calm', text: 'None yet', under: 'waiting for history' }
  }
  const inference = Object.entries(health?.processes ?? {}).find(([name]) => name.startsWith('inference'))
  const state: State = serving.qualified
    ? { tone: 'good', text: 'Qualified', under: serving.model_version }
    : { tone: 'warn', text: 'Unqualified', under: serving.model_version }
  if (inference?.[1].state === 'holding') return { ...state, tone: 'warn', text: 'Holding' }
  return busy ? { ...state, under: `next ${percent(training.done)}`, done: training.done } : state
}

function processState(health: Health | null, silent: boolean): State {
  const all = Object.values(health?.processes ?? {})
  if (silent) return { tone: 'bad', text: 'Unknown', under: 'gateway silent' }
  if (all.length === 0) return { tone: 'calm', text: '–', under: 'none heard' }
  const failed = all.filter(({ state }) => state === 'failed' || state === 'degraded').length
  const running = all.filter(({ state }) => state === 'running').length
  const text = `${running}/${all.length}`
  if (failed) return { tone: 'bad', text, under: `${failed} failed` }
  const holding = all.filter(({ state }) => state === 'holding').length
  return { tone: running + holding === all.length ? 'good' : 'calm', text, under: holding ? `${holding} holding` : 'running' }
}

function rejectedState(health: Health | null): State {
  const letters = Object.values(health?.dead_letters ?? {})
  const count = letters.reduce((sum, each) => sum + each.count, 0)
  const bug = letters.some((each) => each.newest.kind === 'bug')
  return { tone: bug ? 'bad' : count ? 'warn' : 'good', text: countText(count), under: 'dead letters' }
}

function MarketClock() {
  const clock = useLive((state) => state.clock)
  const health = useLive((state) => state.health)
  const [now, setNow] = useState<number | null>(null)
  useEffect(() => {
    setNow(marketNow(clock))
    const pulse = setInterval(() => setNow(marketNow(clock)), 1_000)
    return () => clearInterval(pulse)
  }, [clock])
  if (now === null) return <p className="market-clock muted">no market time yet</p>
  const speed = health?.replay ? 'replay' : health?.speed && health.speed !== 1 ? `${health.speed}×` : 'real time'
  return (
    <p className="market-clock">
      <time dateTime={new Date(now).toISOString()}>
        {clockText(now)} <small>UTC</small>
      </time>
      <span className="muted">
        {dayText(now)} · {speed}
      </span>
    </p>
  )
}

const NEXT: Record<Theme, Theme> = { dark: 'light', light: 'dark' }

function ThemeButton() {
  const next = NEXT[useTheme()]
  return (
    <button type="button" className="button button-icon" aria-label={`Switch to ${next} theme`} onClick={toggleTheme}>
      <span aria-hidden="true">{next === 'light' ? '☀' : '☾'}</span>
    </button>
  )
}
