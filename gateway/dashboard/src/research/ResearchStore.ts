// Runs research jobs. Its state lives outside the page: a job goes on while signals are looked at.

import type { JobDetail, JobList, TableView } from '../contract'
import { ApiError, asApiError, askPlain, requestOf } from '../lib/api'
import { createStore, update, useStore } from '../lib/store'
import { type Body, KINDS } from './draft'
import { followJob, pathOf } from './jobStream'
import { INITIAL_STATE, isLive, newRun, type ProgressPoint, type ResearchState, type Run } from './ResearchState'
import { backtestOf, isResult, type Params, type PerformanceResult, requestOfResult, type Result } from './result'
import { type Kind, readForms } from './schema'
import type { StreamEvent } from './serverSentEvents'

const ROUTES: Record<Kind, string> = {
  optimize: '/backtest/optimize/stream',
  performance: '/backtest/performance',
  walk_forward: '/backtest/walk-forward',
}
const JOBS = '/backtest/jobs?limit=30'
const SEARCHES = '/api/v1/hyperopt'
const WATCH_MS = 250
const LONGEST_MS = 600_000

const NOTHING_SHOWN = { run: null, result: null, trialBacktest: null, jobError: null }

export class ResearchStore {
  readonly state = createStore(INITIAL_STATE)
  private following = new AbortController()

  /** Read the form's schema and the tables of names, unless they are there. */
  async open(): Promise<void> {
    void this.readRecentJobs()
    const { forms, tables } = this.state.get()
    if (forms !== null && tables !== null) return
    try {
      const table = (name: string) => askPlain<TableView>(`/refdata/${name}`)
      const [schema, indicator, signalType, strategy] = await Promise.all([
        readForms(),
        table('indicator'),
        table('signal_type'),
        table('strategy'),
      ])
      const rows = { indicator: indicator.rows, signal_type: signalType.rows, strategy: strategy.rows }
      update(this.state, { forms: schema, tables: rows, formsError: null })
    } catch (error) {
      update(this.state, { formsError: asApiError(error) })
    }
  }

  /** Ask for a job; one that runs is left to itself. */
  async start(kind: Kind, body: Body): Promise<void> {
    const signal = this.leave()
    update(this.state, { run: newRun(kind, body), result: null, trialBacktest: null, jobError: null })
    try {
      if (kind === 'optimize') await this.follow(ROUTES[kind], requestOf(body), signal)
      else await this.ask(kind, body, signal)
    } catch (error) {
      if (!signal.aborted) this.end({ phase: 'failed', error: asApiError(error) })
    }
    void this.readRecentJobs()
  }

  /** Show an earlier job, or follow it when it still runs. */
  async show(jobId: string): Promise<JobDetail | null> {
    const signal = this.leave()
    try {
      const job = await askPlain<JobDetail>(`/backtest/jobs/${encodeURIComponent(jobId)}`)
      if (signal.aborted) return null
      const kind = KINDS.find((each) => each === job.kind) ?? 'performance'
      const { objective, seconds } = job
      const run: Run = { ...newRun(kind, job.spec), jobId, objective, phase: 'queued', seconds }
      update(this.state, { run, result: null, trialBacktest: null, jobError: null })
      void this.follow(pathOf(jobId), {}, signal)
      return job
    } catch (error) {
      if (!signal.aborted) update(this.state, { ...NOTHING_SHOWN, jobError: { jobId, error: asApiError(error) } })
      return null
    }
  }

  /** Show no run; one that goes on is left to itself. */
  clear(): void {
    this.leave()
    update(this.state, NOTHING_SHOWN)
  }

  async cancel(): Promise<void> {
    const { run } = this.state.get()
    if (run === null || !isLive(run)) return
    if (run.jobId === null) {
      this.leave()
      update(this.state, { run: null })
      return
    }
    this.change({ phase: 'cancelling' })
    await askPlain(`/backtest/jobs/${run.jobId}`, undefined, { method: 'DELETE' }).catch((error: unknown) => {
      this.change({ streamError: asApiError(error) })
    })
  }

  /** Back-test one trial of the search that is shown. */
  async backtestTrial(params: Params): Promise<void> {
    const { result } = this.state.get()
    if (result === null) return
    const isShown = () => this.state.get().trialBacktest?.params === params
    update(this.state, { trialBacktest: { params, result: null, error: null } })
    try {
      const body = { ...backtestOf(requestOfResult(result), params), trial_of: result.job_id }
      const request = { ...requestOf(body), signal: AbortSignal.timeout(LONGEST_MS) }
      const backtest = await askPlain<PerformanceResult>(ROUTES.performance, body, request)
      if (isShown()) update(this.state, { trialBacktest: { params, result: backtest, error: null } })
    } catch (error) {
      if (isShown()) update(this.state, { trialBacktest: { params, result: null, error: asApiError(error) } })
    }
  }

  async readRecentJobs(): Promise<void> {
    const lists = await Promise.all([JOBS, SEARCHES].map((path) => askPlain<JobList>(path))).catch(() => null)
    if (lists === null) return
    const jobs = lists.flatMap((list) => list.jobs)
    update(this.state, { recentJobs: jobs.sort((a, b) => b.requested_at.localeCompare(a.requested_at)) })
  }

  /** Stop to watch; the job itself goes on. The answer ends whatever is followed next. */
  private leave(): AbortSignal {
    this.following.abort()
    this.following = new AbortController()
    return this.following.signal
  }

  /** Ask a route that answers at the end, and watch its job meanwhile. */
  private async ask(kind: Kind, body: Body, signal: AbortSignal): Promise<void> {
    const earlier = new Set((await askPlain<JobList>(JOBS)).jobs.map((job) => job.job_id))
    const within = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)])
    const answer = askPlain<Result>(ROUTES[kind], body, { ...requestOf(body), signal: within })
    let settled = false
    void this.watch(kind, body, earlier, () => settled || signal.aborted)
    try {
      this.take(await answer)
    } catch (error) {
      const { jobId, status } = asApiError(error)
      if (status === 409 && this.state.get().run?.phase === 'cancelling') {
        this.end({ phase: 'done', error: asApiError(error) })
        return
      }
      // It takes longer than the gateway keeps an answer open: its stream goes on.
      if (status !== 504 || jobId === null) throw error
      await this.follow(pathOf(jobId), {}, signal)
    } finally {
      settled = true
    }
  }

  /** Find the job that the gateway made of a request, and show how far it is. */
  private async watch(kind: Kind, body: Body, earlier: ReadonlySet<string>, ended: () => boolean): Promise<void> {
    while (!ended()) {
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS))
      const { jobId } = this.state.get().run ?? {}
      const list = await askPlain<JobList>(JOBS).catch(() => null)
      if (ended() || list === null) continue
      for (const job of list.jobs) {
        if (job.kind !== kind || job.job_id !== (jobId ?? job.job_id) || earlier.has(job.job_id)) continue
        if (jobId == null && !(await wasMadeOf(job.job_id, body))) continue
        if (ended()) return
        this.change({ jobId: job.job_id, objective: job.objective })
        if (job.trial !== null) this.advance({ trial: job.trial, total: job.total_trials, best: job.best })
        else this.enter('queued')
        break
      }
    }
  }

  private async follow(path: string, request: RequestInit, signal: AbortSignal): Promise<void> {
    try {
      await followJob(path, request, signal, {
        receive: (event) => this.receive(event),
        interrupted: (streamError) => this.change({ streamError }),
        jobId: () => this.state.get().run?.jobId ?? null,
      })
    } catch (error) {
      this.end({ phase: 'failed', error: asApiError(error) })
    }
  }

  /** Take one event; whether it was the last. */
  private receive({ name, body }: StreamEvent): boolean {
    const event = body as {
      job_id: string
      status: string
      trial: number
      total: number | null
      best: number | null
      detail: string
    }
    this.change({ streamError: null })
    if (name === 'init') {
      this.change({ jobId: event.job_id })
      this.enter('queued')
    }
    if (name === 'progress') this.advance({ trial: event.trial, total: event.total, best: event.best })
    if (name === 'result' && isResult(body)) this.take(body)
    if (name === 'error') {
      const error = new ApiError(event.detail, 0, 'none', event.job_id)
      this.end({ phase: event.status === 'cancelled' ? 'done' : 'failed', error })
    }
    return name === 'result' || name === 'error'
  }

  private advance(point: ProgressPoint): void {
    const { run } = this.state.get()
    if (run === null || !isLive(run)) return
    const last = run.progress.at(-1)
    const repeats = last?.trial === point.trial && last.best === point.best
    if (!repeats) this.change({ progress: [...run.progress, point] })
    this.enter('running')
  }

  /** Go on to a phase; a wish to cancel is not forgotten. */
  private enter(phase: Run['phase']): void {
    const { run } = this.state.get()
    if (run !== null && isLive(run) && run.phase !== 'cancelling') this.change({ phase })
  }

  private take(result: Result): void {
    update(this.state, { result })
    this.end({ phase: 'done', jobId: result.job_id })
    if (result.kind === 'optimize' && result.best_params !== null) void this.backtestTrial(result.best_params)
  }

  private end(fields: Partial<Run>): void {
    const { run } = this.state.get()
    const seconds = run?.seconds ?? (Date.now() - (run?.startedMs ?? 0)) / 1_000
    this.change({ ...fields, seconds, streamError: null })
  }

  private change(fields: Partial<Run>): void {
    const { run } = this.state.get()
    if (run !== null) update(this.state, { run: { ...run, ...fields } })
  }
}

/** Whether a job was made of a request: its spec says the same, and more. */
async function wasMadeOf(jobId: string, body: Body): Promise<boolean> {
  const job = await askPlain<JobDetail>(`/backtest/jobs/${jobId}`).catch(() => null)
  return job !== null && isPart(body, job.spec)
}

function isPart(part: unknown, whole: unknown): boolean {
  if (typeof part !== 'object' || part === null) return part === whole
  if (typeof whole !== 'object' || whole === null) return false
  return Object.entries(part).every(([name, value]) => isPart(value, (whole as Body)[name]))
}

export const researchStore = new ResearchStore()

/** Read one part of the state. */
export function useResearch<Part>(select: (state: ResearchState) => Part): Part {
  return useStore(researchStore.state, select)
}
