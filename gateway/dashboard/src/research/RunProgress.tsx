// A run under way: how far, how fast, the best so far, and what is in the way.

import { useEffect, useState } from 'react'

import { countText, durationText } from '../lib/format'
import { Bar } from '../ui/marks'
import type { ProgressPoint, Run } from './ResearchState'
import { researchStore } from './ResearchStore'
import { TITLES } from './draft'
import { linear } from './scale'

const WORD: Record<Run['phase'], string> = {
  asking: 'Asking',
  queued: 'Waiting for the back-test process',
  running: 'Running',
  cancelling: 'Cancelling; what has run is kept',
  done: 'Done',
  failed: 'Failed',
}

export function RunProgress({ run }: { run: Run }) {
  const elapsed = useElapsed(run.startedMs)
  const last = run.progress.at(-1)
  const total = last?.total ?? null
  const done = last && total ? last.trial / total : null
  const left = done && done < 1 && elapsed > 1_500 ? (elapsed / done) * (1 - done) : null
  const best = run.progress.findLast((told) => told.best !== null)?.best ?? null
  return (
    <section className="panel running" aria-label="Progress">
      <header className="panel-head">
        <h2>
          {TITLES[run.kind]} <span className="muted">{String(run.body['symbol'] ?? '')}</span>
        </h2>
        <button type="button" className="button" disabled={run.phase === 'cancelling'} onClick={() => void researchStore.cancel()}>
          Cancel <kbd>Esc</kbd>
        </button>
      </header>
      <Bar done={run.phase === 'queued' || run.phase === 'asking' ? null : done} label={WORD[run.phase]} />
      <div className="running-line">
        <p className="running-count">
          <b>{last ? countText(last.trial) : '0'}</b>
          {total !== null && <span className="muted"> of {countText(total)}</span>}
        </p>
        <p className="muted">
          {WORD[run.phase]} · {durationText(elapsed)}
          {left === null ? '' : ` · about ${Math.max(1, Math.round(left / 1_000))} s left`}
        </p>
      </div>
      {run.streamError && (
        <p className="banner banner-warn" role="status">
          <b>{run.streamError.message}.</b> <span>Taking it up again by itself.</span>
        </p>
      )}
      <div className="running-best">
        <div>
          <p className="figure-name">Best {run.objective?.replaceAll('_', ' ') ?? ''} so far</p>
          <p className="hero-number">{best === null ? '–' : best.toFixed(2).replace('-', '−')}</p>
          <p className="muted">Not yet deflated: the more is tried, the better the best looks.</p>
        </div>
        <BestSoFar told={run.progress} />
      </div>
    </section>
  )
}

function BestSoFar({ told }: { told: readonly ProgressPoint[] }) {
  const known = told.filter((each) => each.best !== null)
  const total = told.at(-1)?.total ?? told.at(-1)?.trial ?? 1
  const values = known.map((each) => each.best!)
  const x = linear(0, Math.max(total, 1), 0, 300)
  const [low, high] = [Math.min(0, ...values), Math.max(0.001, ...values)]
  const y = linear(low, high, 74, 6)
  const line = known.map((each, place) => `${place ? `H${x(each.trial)}V` : `M${x(each.trial)} `}${y(each.best!)}`).join('')
  const end = known.at(-1)
  return (
    <svg className="best-so-far" viewBox="0 0 300 80" preserveAspectRatio="none" role="img" aria-label="Best so far, trial by trial">
      <line className="tick-line" x1={0} x2={300} y1={y(0)} y2={y(0)} />
      {known.length > 0 && <path className="best-area" d={`${line}V${y(low)}H${x(known[0]!.trial)}Z`} />}
      <path className="best-line" d={line} />
      {end && <line className="best-end" x1={x(end.trial)} x2={x(end.trial)} y1={2} y2={78} />}
    </svg>
  )
}

function useElapsed(startedMs: number): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const pulse = setInterval(() => setNow(Date.now()), 200)
    return () => clearInterval(pulse)
  }, [])
  return Math.max(now - startedMs, 0)
}
