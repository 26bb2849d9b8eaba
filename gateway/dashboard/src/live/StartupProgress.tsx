// Before the first signal: what is happening now, and what still has to.

import type { Health, ModelList } from '../contract'
import { classes } from '../lib/classes'
import { countText, percent, stampText } from '../lib/format'
import { PlainPanel } from '../ui/Panel'
import { ProgressBar } from '../ui/ProgressBar'
import text from '../ui/text.module.css'
import { inTrouble, modelsAt } from './lights'
import { useLive } from './LiveStore'
import styles from './StartupProgress.module.css'

// In the order of `workers/training/progress.py`; `tests/gateway/test_stage_words.py` compares both.
const STAGES = [
  ['dataset', 'Read features', 'Every bar of the back-filled history, as the models will see it'],
  ['folds', 'Walk forward', 'Train on the past, test on what followed, purged and embargoed, fold by fold'],
  ['regimes', 'Fit regimes', 'A hidden Markov filter for each market: bull, bear, sideways'],
  ['boosted', 'Boosted trees', 'XGBoost, 55% of the ensemble'],
  ['lstm', 'LSTM', 'Two layers over 64 bars, 45% of the ensemble; fitted beside all of it'],
  ['calibration', 'Calibrate', 'So that 70% means right 7 times in 10'],
  ['done', 'Into service', 'Two bars later the first signals come'],
] as const

const NO_MODELS = { serving: {}, training: null }

interface Step {
  name: string
  note: string
  state: 'done' | 'now' | 'next' | 'failed'
}

const STATES = { done: styles.isDone, now: styles.isNow, next: styles.isNext, failed: styles.isFailed }

export function StartupProgress() {
  const health = useLive((state) => state.health)
  const models = useLive((state) => state.models)
  if (health === null) return null
  const { title, lead, done, steps } = situationOf(health, models)
  return (
    <PlainPanel className={styles.startup} data-startup="" aria-label="Getting ready">
      <p className={text.eyebrow}>Before the first signal</p>
      <h2>{title}</h2>
      <p className={text.lead}>{lead}</p>
      <div className={styles.progress}>
        <ProgressBar done={done} label={title} className={styles.bar} />
        <span className={text.hero}>{done === null ? '' : percent(done)}</span>
      </div>
      <ol className={styles.steps}>
        {steps.map((step) => (
          <li
            key={step.name}
            className={classes(styles.step, STATES[step.state])}
            {...(step.state === 'now' ? { 'aria-current': 'step' } : {})}
          >
            <span className={styles.mark} aria-hidden="true">
              {step.state === 'done' ? '✓' : step.state === 'failed' ? '✕' : ''}
            </span>
            <b>
              {step.name}
              <span className="unseen">
                {step.state === 'done' ? ', done' : step.state === 'now' ? ', running' : ''}
              </span>
            </b>
            <span className={styles.stepNote}>{step.note}</span>
          </li>
        ))}
      </ol>
      <p className={classes(text.footNote, styles.note)}>
        Bars, features and trend states flow already; regimes are uniform until their filter is fitted. Nothing that was
        trained on is ever scored.
      </p>
    </PlainPanel>
  )
}

function situationOf(health: Health, models: ModelList | null) {
  const bars = health.symbols.reduce((sum, symbol) => sum + symbol.bars, 0)
  const base = health.timeframes[0]?.timeframe ?? null
  const { serving, training } = modelsAt(models ?? NO_MODELS, base)
  const ingest = health.processes['ingest']
  const filling: Step = {
    name: 'Back-fill',
    note: bars
      ? `${health.symbols.length} markets; this page holds their newest ${countText(bars)} bars`
      : (ingest?.detail ?? 'Waiting for ingest'),
    state: training || serving ? 'done' : 'now',
  }
  const at = serving ? STAGES.length - 1 : STAGES.findIndex(([name]) => name === training?.stage)
  const failed = training?.stage === 'failed'
  const stages = STAGES.map(([, name, note], place): Step => ({
    name,
    note: place === at && training?.note ? training.note : note,
    state: place < at ? 'done' : place === at ? 'now' : 'next',
  }))
  const steps = failed
    ? [filling, { name: 'Training', note: training.note, state: 'failed' as const }]
    : [filling, ...stages]
  if (health.status === 'starting')
    return {
      title: 'Reading the topics',
      lead: `The gateway folds its views from the log: ${countText(health.views_lag_records)} records to go.`,
      done: null,
      steps,
    }
  if (failed) return { title: 'Training failed', lead: training.note, done: 0, steps }
  if (serving)
    return {
      title: 'The first model is in service',
      lead: `${serving.model_version} answers for bars that close after ${stampText(Date.parse(serving.effective_from))}.`,
      done: 1,
      steps,
    }
  if (training)
    return {
      title: 'Training the first model',
      lead: 'A small one, pooled over all markets, judged out of sample.',
      done: training.done,
      steps,
    }
  if (ingest && inTrouble(ingest)) return { title: 'Bars do not come', lead: ingest.detail, done: ingest.done, steps }
  const behind = health.symbols.reduce((sum, symbol) => sum + (symbol.stale ? symbol.age_bars : 0), 0)
  if (ingest?.done === 1 && behind > 0)
    return {
      title: 'Working through the history',
      lead: `${countText(Math.round(behind))} bars to go, then the first model is trained.`,
      done: bars / (bars + behind),
      steps,
    }
  if (bars || ingest)
    return {
      title: 'Filling the history',
      lead: 'The first model needs the past of every market.',
      done: ingest?.done ?? null,
      steps,
    }
  return {
    title: 'Waiting for the first bars',
    lead: 'The gateway is up; no process has published yet.',
    done: null,
    steps,
  }
}
