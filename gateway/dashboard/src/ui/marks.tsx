// Small marks used everywhere: each says its meaning by shape and word, colour only helps.

import type { ReactNode } from 'react'

import type { RegimeProbabilities, SignalItem } from '../contract'
import { likeliest } from '../live/chart/regimeSeries'
import type { ApiError } from '../lib/api'
import type { Direction, Grade } from '../live/filter'
import { percent, signedPercent } from '../lib/format'

export const ARROW: Record<Direction, string> = { buy: '▲', sell: '▼', neutral: '●' }
export const WORD: Record<Direction, string> = { buy: 'Buy', sell: 'Sell', neutral: 'Neutral' }
export const TONE: Record<Direction, string> = { buy: 'up', sell: 'down', neutral: 'flat' }

export function DirectionMark({ direction }: { direction: Direction }) {
  return (
    <span className={`direction ${TONE[direction]}`}>
      <span aria-hidden="true">{ARROW[direction]}</span> {WORD[direction]}
    </span>
  )
}

export function GradeMark({ grade, large = false }: { grade: Grade; large?: boolean }) {
  return (
    <span className={`grade grade-${grade[0]}${large ? ' grade-large' : ''}`}>
      <span className="unseen">Grade </span>
      {grade}
    </span>
  )
}

type Chances = Pick<RegimeProbabilities, 'bull' | 'bear' | 'sideways'>

const REGIMES = {
  bull: { arrow: '↗', word: 'Bull', tone: 'up' },
  sideways: { arrow: '→', word: 'Side', tone: 'flat' },
  bear: { arrow: '↘', word: 'Bear', tone: 'down' },
} as const

export function RegimeChip({ chances }: { chances: Chances }) {
  const name = likeliest(chances)
  const { arrow, word, tone } = REGIMES[name]
  return (
    <span className={`chip ${tone}`}>
      <span aria-hidden="true">{arrow}</span> {word} {percent(chances[name])}
    </span>
  )
}

/** Shares that sum to one, side by side. */
export function Shares({ parts, label }: { parts: { share: number; tone: string }[]; label: string }) {
  return (
    <span className="shares" role="img" aria-label={label}>
      {parts.map(({ share, tone }) => (
        <i key={tone} className={tone} style={{ flexGrow: share }} />
      ))}
    </span>
  )
}

export function RegimeShares({ chances }: { chances: Chances }) {
  const parts = (['bear', 'sideways', 'bull'] as const).map((name) => ({
    share: chances[name],
    tone: REGIMES[name].tone,
  }))
  const label = `Regime: bull ${percent(chances.bull)}, sideways ${percent(chances.sideways)}, bear ${percent(chances.bear)}`
  return <Shares parts={parts} label={label} />
}

/** What became of a signal, once it is known; unknown where a hole in the bars hides it. */
export function OutcomeMark({ signal, detailed = false }: { signal: SignalItem; detailed?: boolean }) {
  const { score } = signal
  if (score === null) return null
  if (score.hit === null)
    return (
      <span className="outcome unknown">
        <span aria-hidden="true">?</span> unknown
      </span>
    )
  return (
    <span className={`outcome ${score.hit ? 'good' : 'bad'}`}>
      <span aria-hidden="true">{score.hit ? '✓' : '✕'}</span>{' '}
      <span className={detailed ? '' : 'unseen'}>{score.hit ? 'Hit' : 'Miss'} </span>
      {signal.direction !== 'neutral' && signedPercent(score.net_return)}
    </span>
  )
}

export function Panel({ title, aside, children, className = '' }: {
  title: string
  aside?: ReactNode
  children: ReactNode
  className?: string
}) {
  return (
    <section className={`panel ${className}`} aria-label={title}>
      <header className="panel-head">
        <h3>{title}</h3>
        {aside}
      </header>
      {children}
    </section>
  )
}

/** Nothing to show, and why, and what comes next. */
export function Nothing({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="nothing">
      <p className="nothing-title">{title}</p>
      {children}
    </div>
  )
}

/** A failed question, with the id that the gateway's log knows it by. */
export function Failed({ error, onRetry }: { error: ApiError; onRetry?: () => void }) {
  return (
    <div className="failed" role="alert">
      <p>
        <strong>{error.message}.</strong> {error.status > 0 && `Status ${error.status}.`}
      </p>
      <p className="muted">
        Correlation id <code>{error.correlationId}</code>
      </p>
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  )
}

export function Bar({ done, label }: { done: number | null; label: string }) {
  return (
    <span
      className={`progress${done === null ? ' progress-unknown' : ''}`}
      role="progressbar"
      aria-label={label}
      {...(done === null ? {} : { 'aria-valuenow': Math.round(done * 100), 'aria-valuemin': 0, 'aria-valuemax': 100 })}
    >
      <i style={{ width: `${(done ?? 0.3) * 100}%` }} />
    </span>
  )
}
