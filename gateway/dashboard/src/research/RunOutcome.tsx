// What is shown of a run: progress, then its result, or why there is none.

import { useState } from 'react'

import { classes } from '../lib/classes'
import { Button } from '../ui/Button'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { addressOf, linkOf } from './draft'
import { EquityChart } from './EquityChart'
import { isOfRequest } from './fieldErrors'
import { HeatMap } from './HeatMap'
import type { Band } from '../ui/plot/LinePlot'
import { MetricsTable } from './MetricsTable'
import { MonthTable } from '../ui/MonthTable'
import { ResultFiles } from './ResultFiles'
import { pinOf } from './pins'
import { togglePin, usePins } from './pinStore'
import { isLive, type Run, type TrialBacktest } from './ResearchState'
import { researchStore, useResearch } from './ResearchStore'
import {
  type OptimizeResult,
  paramsText,
  type PerformanceResult,
  requestOfResult,
  type Result,
  sameParams,
  type WalkForwardResult,
} from './result'
import styles from './RunOutcome.module.css'
import { RunProgress } from './RunProgress'
import { RunTrades } from './RunTrades'
import { TrialHistogram } from './TrialHistogram'
import { TrialTable } from './TrialTable'
import { Verdict } from './Verdict'
import { WalkForwardWindows } from './WalkForwardWindows'

export function RunOutcome({ run }: { run: Run }) {
  const result = useResearch((state) => state.result)
  const trial = useResearch((state) => state.trialBacktest)
  if (isLive(run)) return <RunProgress run={run} />
  if (result === null) return <NoResult run={run} />
  return (
    <>
      <Verdict result={result} run={run} />
      <Actions result={result} trial={trial} />
      {result.kind === 'optimize' && <SearchOutcome result={result} trial={trial} />}
      {result.kind === 'walk_forward' && <WalkForwardOutcome result={result} />}
      {result.kind === 'performance' && <BacktestOutcome result={result} title="Equity" />}
      <ResultFiles urls={result.urls} />
    </>
  )
}

/** A run that ended without a result. */
function NoResult({ run }: { run: Run }) {
  const { error } = run
  const cancelled = run.phase === 'done'
  return (
    <PlainPanel aria-label="No result">
      <EmptyState title={cancelled ? 'Cancelled before anything had run' : 'No result'}>
        <p>
          {cancelled
            ? 'Nothing is kept of it. Run it again when you like.'
            : isOfRequest(error)
              ? 'What is wrong with the request stands in the form.'
              : 'The run failed.'}
        </p>
      </EmptyState>
      {!cancelled && error !== null && !isOfRequest(error) && (
        <Failure error={error} onRetry={() => void researchStore.start(run.kind, run.body)} />
      )}
    </PlainPanel>
  )
}

function Actions({ result, trial }: { result: Result; trial: TrialBacktest | null }) {
  const pins = usePins()
  const [notice, setNotice] = useState('')
  const pin = pinOf(result, trial?.result ?? null)
  const pinned = pin !== null && pins.some(({ jobId }) => jobId === pin.jobId)
  const copy = async () => {
    const link = linkOf(result.kind, requestOfResult(result))
    if (await copyToClipboard(new URL(link, location.href).href)) {
      setNotice('Copied: the whole request is in the link.')
      return
    }
    history.replaceState(null, '', addressOf(result.kind, requestOfResult(result), result.job_id))
    setNotice('The link is in the address bar.')
  }
  return (
    <div className={styles.actions}>
      <Button id="copy-link" onClick={() => void copy()}>
        Copy link <kbd>l</kbd>
      </Button>
      <Button id="pin-run" aria-pressed={pinned} disabled={pin === null} onClick={() => pin && togglePin(pin)}>
        {pinned ? 'Pinned' : 'Pin to compare'} <kbd>p</kbd>
      </Button>
      <span className="muted" role="status">
        {notice}
      </span>
      <code className={classes(styles.jobId, 'muted')}>{result.job_id}</code>
    </div>
  )
}

/** Copy a text; whether the browser let it: in no secure context it does not. */
async function copyToClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}

function SearchOutcome({ result, trial }: { result: OptimizeResult; trial: TrialBacktest | null }) {
  const { best, best_params: params, heatmap, distribution } = result
  const show = (chosen: typeof params) => void (chosen && researchStore.backtestTrial(chosen))
  return (
    <>
      {trial && <TrialEquity trial={trial} isBest={params !== null && sameParams(trial.params, params)} />}
      <div className={styles.pair}>
        {heatmap && params && (
          <HeatMap heat={heatmap} neighbourhood={result.neighbourhood} best={params} onShow={show} />
        )}
        {distribution && (
          <TrialHistogram
            spread={distribution}
            best={best?.metrics.sharpe_ratio ?? null}
            luck={result.expected_max_sharpe}
            trials={result.trials}
          />
        )}
      </div>
      {trial?.result && <RunTrades result={trial.result} />}
      {result.top_10.length > 0 && (
        <TrialTable trials={result.top_10} shownParams={trial?.params ?? null} onShow={show} />
      )}
      <MetricsTable
        title="Against buy and hold, and cash"
        rows={[...(best ? [{ name: 'best trial', metrics: best.metrics, strong: true }] : []), ...result.benchmarks]}
      />
      {trial?.result?.monthly && <MonthTable years={trial.result.monthly} />}
    </>
  )
}

function TrialEquity({ trial, isBest }: { trial: TrialBacktest; isBest: boolean }) {
  const title = `${isBest ? 'Best trial' : 'Trial'}: ${paramsText(trial.params)}`
  if (trial.result?.equity) return <EquityChart curve={trial.result.equity} title={title} />
  return (
    <PlainPanel aria-label="Equity">
      <PanelHead>
        <h3>{title}</h3>
      </PanelHead>
      {trial.error ? (
        <Failure error={trial.error} onRetry={() => void researchStore.backtestTrial(trial.params)} />
      ) : (
        <Skeleton rows={1} label="Its equity is being computed" className={styles.loading} />
      )}
    </PlainPanel>
  )
}

function WalkForwardOutcome({ result }: { result: WalkForwardResult }) {
  const bands: Band[] = (result.windows ?? []).map(({ test }, place) => ({
    from: test.from_ms,
    to: test.to_ms,
    odd: place % 2 === 1,
  }))
  return (
    <>
      {result.equity && <EquityChart curve={result.equity} title="Out of sample, window after window" bands={bands} />}
      <WalkForwardWindows result={result} />
      <MetricsTable
        title="Against buy and hold, and cash"
        rows={[{ name: 'out of sample', metrics: result.metrics, strong: true }, ...result.benchmarks]}
      />
      {result.monthly && <MonthTable years={result.monthly} />}
    </>
  )
}

function BacktestOutcome({ result, title }: { result: PerformanceResult; title: string }) {
  return (
    <>
      {result.equity && <EquityChart curve={result.equity} title={title} />}
      <RunTrades result={result} />
      <MetricsTable
        title="Against buy and hold, and cash"
        rows={[{ name: 'strategy', metrics: result.metrics, strong: true }, ...result.benchmarks]}
      />
      {result.monthly && <MonthTable years={result.monthly} />}
    </>
  )
}
