// What the lights of the top bar say: one pure function each.

import type { Health, ModelList, ProcessView } from '../contract'
import { countText, durationText, percent } from '../lib/format'
import type { Connection } from './socket'

export interface LightState {
  tone: 'good' | 'warn' | 'bad' | 'calm'
  text: string
  under: string
  done?: number
}

export function streamState({ phase, attempt, retryAtMs }: Connection, paused: boolean, nowMs: number): LightState {
  if (phase === 'live')
    return paused
      ? { tone: 'calm', text: 'Paused', under: 'still connected' }
      : { tone: 'good', text: 'Live', under: 'WebSocket' }
  if (phase === 'connecting')
    return { tone: 'calm', text: 'Connecting', under: attempt ? `attempt ${attempt + 1}` : '' }
  const seconds = Math.max(0, Math.ceil(((retryAtMs ?? 0) - nowMs) / 1_000))
  return { tone: 'bad', text: 'Reconnecting', under: seconds ? `in ${seconds} s` : 'now' }
}

export function lagState(health: Health | null, models: ModelList | null, silent: boolean): LightState {
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

/** What serves and what is trained at a timeframe; without a name, what comes first. */
export function modelsAt({ serving, training }: Pick<ModelList, 'serving' | 'training'>, timeframe: string | null) {
  const isOf = (name: string | null) => timeframe === null || name === null || name === timeframe
  return {
    serving: Object.values(serving).find((model) => isOf(model.timeframe)),
    training: training !== null && isOf(training.timeframe) ? training : null,
  }
}

export function modelState(health: Health | null, models: ModelList | null, timeframe: string | null): LightState {
  if (models === null) return { tone: 'calm', text: '–', under: '' }
  const { serving, training } = modelsAt(models, timeframe)
  const busy = training !== null && training.stage !== 'done' && training.stage !== 'failed'
  if (serving === undefined) {
    if (training?.stage === 'failed') return { tone: 'bad', text: 'Failed', under: 'training' }
    if (busy)
      return { tone: 'calm', text: `Training ${percent(training.done)}`, under: training.stage, done: training.done }
    return { tone: 'calm', text: 'None yet', under: 'waiting for history' }
  }
  const inference = Object.entries(health?.processes ?? {}).find(([name]) => name.startsWith('inference'))
  const state: LightState = serving.qualified
    ? { tone: 'good', text: 'Qualified', under: serving.model_version }
    : { tone: 'warn', text: 'Unqualified', under: serving.model_version }
  if (inference?.[1].state === 'holding') return { ...state, tone: 'warn', text: 'Holding' }
  return busy ? { ...state, under: `next ${percent(training.done)}`, done: training.done } : state
}

const TROUBLES = ['failed', 'silent', 'degraded']

export function inTrouble({ state }: ProcessView): boolean {
  return TROUBLES.includes(state)
}

export function processState(health: Health | null, silent: boolean): LightState {
  const all = Object.values(health?.processes ?? {})
  if (silent) return { tone: 'bad', text: 'Unknown', under: 'gateway silent' }
  if (all.length === 0) return { tone: 'calm', text: '–', under: 'none heard' }
  const running = all.filter(({ state }) => state === 'running').length
  const text = `${running}/${all.length}`
  for (const trouble of TROUBLES) {
    const count = all.filter(({ state }) => state === trouble).length
    if (count) return { tone: 'bad', text, under: `${count} ${trouble}` }
  }
  const holding = all.filter(({ state }) => state === 'holding').length
  return {
    tone: running + holding === all.length ? 'good' : 'calm',
    text,
    under: holding ? `${holding} holding` : 'running',
  }
}

export function rejectedState(health: Health | null): LightState {
  const letters = Object.values(health?.dead_letters ?? {})
  const count = letters.reduce((sum, each) => sum + each.count, 0)
  const bug = letters.some((each) => each.newest.kind === 'bug')
  return { tone: bug ? 'bad' : count ? 'warn' : 'good', text: countText(count), under: 'dead letters' }
}
