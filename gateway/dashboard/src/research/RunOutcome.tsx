// What is shown of a run: progress, then its result, or why there is none.

import { useState } from 'react'

import { Failed, Nothing } from '../ui/marks'
import { isLive, type Run, type TrialBacktest } from './ResearchState'
import { researchStore, useResearch } from './ResearchStore'
import { linkOf } from './draft'
import { EquityChart } from './EquityChart'
import { HeatMap } from './HeatMap'
import { pinOf } from './pins'
import { togglePin, usePins } from './pinStore'
import type { Band } from './LinePlot'
import { RunProgress } from './RunProgress'
import { isOfRequest } from './fieldErrors'
import { type OptimizeResult, paramsText, type PerformanceResult, requestOfResult, type Result, type WalkForwardResult } from './result'
import { TrialHistogram } from './TrialHistogram'
import { Months, Rows, sameParams, Trials } from './ResultTables'
import { Verdict } from './Verdict'
import { WalkForwardWindows } from './WalkForwardWindows'

export function RunOutcome({ run }: { run: Run }) {
  const result = useResearch((state) => state.result)
  const looked = useResearch((state) => state.trialBacktest)
  if (isLive(run)) return <RunProgress run={run} />
  if (result === null) return <Without run={run} />
  return (
    <>
      <Verdict result={result} run={run} />
      <Acts result={result} looked={looked} />
      {result.kind === 'optimize' && <Searched result={result} looked={looked} />}
      {result.kind === 'walk_forward' && <Walked result={result} />}
      {result.kind === 'performance' && <Ran result={result} title="Equity" />}
    </>
  )
}

/** A run that ended without a result. */
function Without({ run }: { run: Run }) {
  const { error } = run
  const cancelled = run.phase === 'done'
  return (
    <section className="panel" aria-label="No result">
      <Nothing title={cancelled ? 'Cancelled before anything had run' : 'No result'}>
        <p>
          {cancelled
            ? 'Nothing is kept of it. Run it again when you like.'
            : isOfRequest(error)
              ? 'What is wrong with the request stands in the form.'
              : 'The run failed.'}
        </p>
      </Nothing>
      {!cancelled && error !== null && !isOfRequest(error) && (
        <Failed error={error} onRetry={() => void researchStore.start(run.kind, run.body)} />
      )}
    </section>
  )
}

function Acts({ result, looked }: { result: Result; looked: TrialBacktest | null }) {
  const pins = usePins()
  const [said, setSaid] = useState('')
  const pin = pinOf(result, looked?.result ?? null)
  const pinned = pin !== null && pins.some(({ jobId }) => jobId === pin.jobId)
  const copy = async () => {
    const link = linkOf(result.kind, requestOfResult(result))
    history.replaceState(null, '', link)
    setSaid(await copied(new URL(link, location.href).href))
  }
  return (
    <div className="acts">
      <button type="button" id="copy-link" className="button" onClick={() => void copy()}>
        Copy link <kbd>l</kbd>
      </button>
      <button
        type="button"
        id="pin-run"
        className="button"
        aria-pressed={pinned}
        disabled={pin === null}
        onClick={() => pin && togglePin(pin)}
      >
        {pinned ? 'Pinned' : 'Pin to compare'} <kbd>p</kbd>
      </button>
      <span className="muted" role="status">
        {said}
      </span>
      <code className="acts-id muted">{result.job_id}</code>
    </div>
  )
}

/** Copy a text; the answer is for the reader. */
async function copied(text: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text)
    return 'Copied: the whole request is in the link.'
  } catch {
    // Not a secure context, or refused: the address bar holds it as well.
    return 'The link is in the address bar.'
  }
}

function Searched({ result, looked }: { result: OptimizeResult; looked: TrialBacktest | null }) {
  const { best, best_params: params, heatmap, distribution } = result
  const look = (chosen: typeof params) => void (chosen && researchStore.backtestTrial(chosen))
  return (
    <>
      {looked && <LookedAt looked={looked} isBest={params !== null && sameParams(looked.params, params)} />}
      <div className="pair">
        {heatmap && params && <HeatMap heat={heatmap} around={result.neighbourhood} best={params} onLook={look} />}
        {distribution && (
          <TrialHistogram
            spread={distribution}
            best={best?.metrics.sharpe_ratio ?? null}
            luck={result.expected_max_sharpe}
            trials={result.trials}
          />
        )}
      </div>
      {result.top_10.length > 0 && <Trials trials={result.top_10} looked={looked?.params ?? null} onLook={look} />}
      <Rows
        title="Against buy and hold, and cash"
        rows={[
          ...(best ? [{ name: 'best trial', metrics: best.metrics, strong: true }] : []),
          ...result.benchmarks,
        ]}
      />
      {looked?.result?.monthly && <Months years={looked.result.monthly} />}
    </>
  )
}

function LookedAt({ looked, isBest }: { looked: TrialBacktest; isBest: boolean }) {
  const title = `${isBest ? 'Best trial' : 'Trial'}: ${paramsText(looked.params)}`
  if (looked.result?.equity) return <EquityChart curve={looked.result.equity} title={title} />
  return (
    <section className="panel" aria-label="Equity">
      <header className="panel-head">
        <h3>{title}</h3>
      </header>
      {looked.error ? (
        <Failed error={looked.error} onRetry={() => void researchStore.backtestTrial(looked.params)} />
      ) : (
        <div className="ghosts ghosts-chart" aria-busy="true" aria-label="Its equity is being computed">
          <i className="ghost" />
        </div>
      )}
    </section>
  )
}

function Walked({ result }: { result: WalkForwardResult }) {
  const bands: Band[] = (result.windows ?? []).map(({ test }, place) => ({
    from: test.from_ms,
    to: test.to_ms,
    tone: place % 2 ? 'band-odd' : 'band-even',
  }))
  return (
    <>
      {result.equity && <EquityChart curve={result.equity} title="Out of sample, window after window" bands={bands} />}
      <WalkForwardWindows result={result} />
      <Rows
        title="Against buy and hold, and cash"
        rows={[{ name: 'out of sample', metrics: result.metrics, strong: true }, ...result.benchmarks]}
      />
      {result.monthly && <Months years={result.monthly} />}
    </>
  )
}

function Ran({ result, title }: { result: PerformanceResult; title: string }) {
  return (
    <>
      {result.equity && <EquityChart curve={result.equity} title={title} />}
      <Rows
        title="Against buy and hold, and cash"
        rows={[{ name: 'strategy', metrics: result.metrics, strong: true }, ...result.benchmarks]}
      />
      {result.monthly && <Months years={result.monthly} />}
    </>
  )
}
