// A run under way: how far, how fast, the best so far, and what is in the way.

import { useEffect, useState } from 'react'

import { countText, durationText } from '../lib/format'
import { Banner } from '../ui/Banner'
import { Button } from '../ui/Button'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { ProgressBar } from '../ui/ProgressBar'
import text from '../ui/text.module.css'
import { TITLES } from './draft'
import type { ProgressPoint, Run } from './ResearchState'
import { researchStore } from './ResearchStore'
import styles from './RunProgress.module.css'
import { linear } from '../ui/plot/scale'

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
  const best = run.progress.findLast((point) => point.best !== null)?.best ?? null
  return (
    <PlainPanel className={styles.running} aria-label="Progress">
      <PanelHead>
        <h2>
          {TITLES[run.kind]} <span className="muted">{String(run.body['symbol'] ?? '')}</span>
        </h2>
        <Button disabled={run.phase === 'cancelling'} onClick={() => void researchStore.cancel()}>
          Cancel <kbd>Esc</kbd>
        </Button>
      </PanelHead>
      <ProgressBar
        className={styles.bar}
        done={run.phase === 'queued' || run.phase === 'asking' ? null : done}
        label={WORD[run.phase]}
      />
      <div className={styles.line}>
        <p className={styles.count}>
          <b>{last ? countText(last.trial) : '0'}</b>
          {total !== null && <span className="muted"> of {countText(total)}</span>}
        </p>
        <p className="muted">
          {WORD[run.phase]} · {durationText(elapsed)}
          {left === null ? '' : ` · about ${Math.max(1, Math.round(left / 1_000))} s left`}
        </p>
      </div>
      {run.streamError && (
        <Banner tone="warn" role="status">
          <b>{run.streamError.message}.</b> <span>Taking it up again by itself.</span>
        </Banner>
      )}
      <div className={styles.best}>
        <div>
          <p className={styles.bestName}>Best {run.objective?.replaceAll('_', ' ') ?? ''} so far</p>
          <p className={text.hero}>{best === null ? '–' : best.toFixed(2).replace('-', '−')}</p>
          <p className={styles.bestNote}>Not yet deflated: the more is tried, the better the best looks.</p>
        </div>
        <BestSoFar progress={run.progress} />
      </div>
    </PlainPanel>
  )
}

function BestSoFar({ progress }: { progress: readonly ProgressPoint[] }) {
  const known = progress.filter((each) => each.best !== null)
  const total = progress.at(-1)?.total ?? progress.at(-1)?.trial ?? 1
  const values = known.map((each) => each.best!)
  const x = linear(0, Math.max(total, 1), 0, 300)
  const [low, high] = [Math.min(0, ...values), Math.max(0.001, ...values)]
  const y = linear(low, high, 74, 6)
  const line = known
    .map((each, place) => `${place ? `H${x(each.trial)}V` : `M${x(each.trial)} `}${y(each.best!)}`)
    .join('')
  const end = known.at(-1)
  return (
    <svg
      className={styles.curve}
      viewBox="0 0 300 80"
      preserveAspectRatio="none"
      role="img"
      aria-label="Best so far, trial by trial"
    >
      <line className={styles.zero} x1={0} x2={300} y1={y(0)} y2={y(0)} />
      {known.length > 0 && <path className={styles.area} d={`${line}V${y(low)}H${x(known[0]!.trial)}Z`} />}
      <path className={styles.bestLine} d={line} />
      {end && <line className={styles.end} x1={x(end.trial)} x2={x(end.trial)} y1={2} y2={78} />}
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
