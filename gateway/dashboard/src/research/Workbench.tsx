// The form and the outcome of what it asked for.

import { type ComponentType, lazy, Suspense, useEffect, useEffectEvent, useRef, useState } from 'react'

import type { JobSummary, SymbolHealth } from '../contract'
import { useDenial } from '../lib/access'
import { push, replace, useAddress } from '../lib/address'
import { countText } from '../lib/format'
import { RESEARCH } from '../lib/route'
import { chartKeys } from '../live/chart/chartMoves'
import { Choices } from '../ui/Choices'
import type { FrameProps } from '../ui/frame'
import { Skeleton } from '../ui/Skeleton'
import { Idle, Linked, NotHere } from './BeforeRun'
import {
  type Body,
  bodyOf,
  addressOf,
  type Draft,
  draftOf,
  jobOf,
  linkOf,
  linkToTuning,
  requestOf,
  TITLES,
  tuningOf,
} from './draft'
import { fieldErrorsOf, isOfRequest } from './fieldErrors'
import { usePins } from './pinStore'
import { JOB_TITLES } from './recentJob'
import { RecentRuns } from './RecentRuns'
import page from './ResearchPage.module.css'
import { isLive, type Run } from './ResearchState'
import { researchStore, useResearch } from './ResearchStore'
import { RunForm } from './RunForm'
import type { Forms, Kind } from './schema'
import { carried } from './startingDraft'
import styles from './Workbench.module.css'

// What came of a run is more code than the form, and is not there at first.
const Compare = lazy(() => import('./Compare').then((module) => ({ default: module.Compare })))
const RunOutcome = lazy(() => import('./RunOutcome').then((module) => ({ default: module.RunOutcome })))
const Tuning = lazy(() => import('./Tuning').then((module) => ({ default: module.Tuning })))

interface Props {
  Frame: ComponentType<FrameProps>
  frame: Omit<FrameProps, 'keys' | 'children'>
  forms: Forms
  symbols: readonly SymbolHealth[]
  startingDraft: (kind: Kind) => Draft
}

interface Request {
  kind: Kind
  draft: Draft
}

export function Workbench({ Frame, frame, forms, symbols, startingDraft }: Props) {
  const run = useResearch((state) => state.run)
  const result = useResearch((state) => state.result)
  const jobError = useResearch((state) => state.jobError)
  const pins = usePins()
  const tuningId = useAddress(({ hash }) => tuningOf(hash))
  const [tab, setTab] = useState<'run' | 'compare'>('run')
  const [isLinked, setIsLinked] = useState(
    () => requestOf(location.hash) !== null && jobOf(location.hash) === null && run === null,
  )
  const form = useRef<HTMLFormElement>(null)
  const outcome = useRef<HTMLDivElement>(null)
  const [{ kind, draft }, setRequest] = useState<Request>(() => {
    const request = requestOf(location.hash) ?? (run && { kind: run.kind, body: run.body })
    return request ? asDraft(forms, request) : { kind: 'optimize', draft: startingDraft('optimize') }
  })

  const fill = (request: { kind: Kind; body: Body }) => {
    setRequest(asDraft(forms, request))
    setTab('run')
  }
  const read = async (jobId: string) => {
    setTab('run')
    setIsLinked(false)
    const job = await researchStore.show(jobId)
    if (job !== null && job.kind !== 'hyperopt') fill({ kind: job.kind, body: job.spec })
    return job
  }

  useNamedRun(run, isLinked, (jobId, request) => {
    if (request !== null) fill(request)
    setIsLinked(request !== null && jobId === null)
    if (jobId !== null) void read(jobId)
    else if (request === null) researchStore.clear()
  })
  useFocusOnFirstError(kind, draft, forms, form)

  const start = () => {
    const body = bodyOf(forms[kind], draft)
    push(linkOf(kind, body))
    setIsLinked(false)
    setTab('run')
    void researchStore.start(kind, body)
    outcome.current?.scrollTo(0, 0)
    outcome.current?.scrollIntoView({ block: 'start' })
  }

  const showJob = async ({ job_id: jobId, kind }: JobSummary) => {
    if (kind === 'hyperopt') {
      setTab('run')
      push(linkToTuning(jobId))
      return
    }
    const job = await read(jobId)
    if (job !== null) push(addressOf(kind, job.spec, jobId))
  }

  const isRunning = run !== null && isLive(run)
  const denied = useDenial('operate')
  return (
    <Frame
      {...frame}
      keys={[
        {
          keys: ['Ctrl+Enter'],
          meaning: 'Run what stands in the form',
          always: true,
          act: () => isRunning || denied !== null || start(),
        },
        { keys: ['Escape'], meaning: 'Cancel the run', always: true, act: () => void researchStore.cancel() },
        {
          keys: ['f'],
          meaning: 'To the form',
          act: () => form.current?.querySelector<HTMLElement>('select, input')?.focus(),
        },
        {
          keys: ['l'],
          meaning: 'Copy the link of the result',
          act: () => document.getElementById('copy-link')?.click(),
        },
        {
          keys: ['p'],
          meaning: 'Pin the result, or take it off',
          act: () => document.getElementById('pin-run')?.click(),
        },
        {
          keys: ['c'],
          meaning: 'Compare pinned runs, or back',
          act: () => setTab(tab === 'compare' ? 'run' : 'compare'),
        },
        ...chartKeys(),
        { keys: ['ArrowLeft', 'ArrowRight'], meaning: 'On equity: read it at a time; with Shift faster' },
      ]}
    >
      <main className={page.work}>
        <div className={styles.request}>
          <RunForm
            key={kind}
            kind={kind}
            draft={draft}
            groups={forms[kind]}
            symbols={symbols}
            form={form}
            onKind={(next) => next !== kind && setRequest({ kind: next, draft: carried(draft, startingDraft(next)) })}
            onChange={(next) => setRequest({ kind, draft: next })}
            onRun={start}
          />
          <RecentRuns shownId={tuningId ?? run?.jobId ?? null} onShow={(job) => void showJob(job)} />
        </div>
        <div id="outcome" ref={outcome} className={styles.outcome} tabIndex={-1}>
          <Choices accent className={styles.tabs} aria-label="What is shown">
            <button type="button" aria-pressed={tab === 'run'} onClick={() => setTab('run')}>
              {tuningId !== null ? JOB_TITLES.hyperopt : run === null ? 'Result' : TITLES[run.kind]}
            </button>
            <button type="button" aria-pressed={tab === 'compare'} onClick={() => setTab('compare')}>
              Compare <span className={styles.count}>{countText(pins.length)}</span>
            </button>
          </Choices>
          <p className="unseen" role="status">
            {run === null
              ? ''
              : isRunning
                ? 'Running'
                : result
                  ? `Done. ${'verdict' in result ? result.verdict : ''}`
                  : 'Ended without a result'}
          </p>
          <Suspense fallback={<Skeleton rows={6} label="The result is being read" />}>
            {tab === 'compare' ? (
              <Compare />
            ) : tuningId !== null ? (
              <Tuning key={tuningId} jobId={tuningId} />
            ) : isLinked ? (
              <Linked kind={kind} onRun={start} onLeave={() => setIsLinked(false)} />
            ) : jobError !== null ? (
              <NotHere {...jobError} onRun={start} onRetry={() => void read(jobError.jobId)} />
            ) : run === null ? (
              <Idle onRun={start} />
            ) : (
              <RunOutcome run={run} />
            )}
          </Suspense>
        </div>
      </main>
    </Frame>
  )
}

function asDraft(forms: Forms, { kind, body }: { kind: Kind; body: Body }): Request {
  return {
    kind,
    draft: draftOf(
      forms[kind].flatMap((group) => group.fields),
      body,
    ),
  }
}

/** Take up what the address comes to name, and let it name the job that is shown: a reload reads it again. */
function useNamedRun(
  run: Run | null,
  isLinked: boolean,
  open: (jobId: string | null, request: { kind: Kind; body: Body } | null) => void,
): void {
  const follow = useEffectEvent(() => {
    if (!location.hash.startsWith(RESEARCH)) return
    const jobId = jobOf(location.hash)
    if (jobId === null || jobId !== run?.jobId) open(jobId, requestOf(location.hash))
  })
  const readAtFirst = useEffectEvent(() => {
    if (jobOf(location.hash) !== null) follow()
  })
  useEffect(() => {
    readAtFirst()
    const listen = () => follow()
    addEventListener('hashchange', listen)
    return () => removeEventListener('hashchange', listen)
  }, [])

  const name = useEffectEvent(() => {
    if (run === null || run.jobId === null || isLinked || jobOf(location.hash) === run.jobId) return
    replace(addressOf(run.kind, run.body, run.jobId))
  })
  const jobId = run?.jobId
  useEffect(() => name(), [jobId])
}

/** After a refusal the first field that is wrong gets the focus: there the reader goes on. */
function useFocusOnFirstError(
  kind: Kind,
  draft: Draft,
  forms: Forms,
  form: React.RefObject<HTMLFormElement | null>,
): void {
  const error = useResearch((state) => (state.run?.kind === kind ? state.run.error : null))
  const refusal = isOfRequest(error) ? error : null
  const focus = useEffectEvent(() => {
    if (refusal === null || fieldErrorsOf(refusal, forms[kind], draft).fields.size === 0) return
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
  })
  useEffect(() => {
    if (refusal !== null) focus()
  }, [refusal])
}
