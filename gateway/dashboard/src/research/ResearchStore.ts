// The research page's state: the job under way, its result, the back-test of the trial looked at,
// recent jobs and pinned runs. It lives outside the page: a job goes on while signals are looked at.

import { useSyncExternalStore } from 'react'

import type { JobDetail, JobList, JobSummary, TableView } from '../contract'
import { ApiError, asApiError, askedPlain, requestOf } from '../lib/api'
import { type Body, KINDS } from './draft'
import { events, type StreamEvent } from './serverSentEvents'
import { backtestOf, isResult, type Params, type PerformanceResult, requestOfResult, type Result } from './result'
import { type Forms, type Kind, readForms } from './schema'

export interface Told {
  trial: number
  total: number | null
  best: number | null
}

/** A job from the click to its end. */
export interface Run {
  kind: Kind
  body: Body
  jobId: string | null
  objective: string | null
  phase: 'asking' | 'queued' | 'running' | 'cancelling' | 'done' | 'failed'
  /** Wall clock of this page. */
  startedMs: number
  /** How long it took; null before its end. */
  seconds: number | null
  told: readonly Told[]
  /** Why the stream is being made again; null while it flows. */
  cut: ApiError | null
  error: ApiError | null
}

/** The back-test of one trial of a search, which a search itself does not carry. */
export interface Looked {
  params: Params
  result: PerformanceResult | null
  error: ApiError | null
}

export interface Tables {
  indicator: TableView['rows']
  signal_type: TableView['rows']
  strategy: TableView['rows']
}

export interface ResearchState {
  forms: Forms | null
  tables: Tables | null
  formsError: ApiError | null
  run: Run | null
  result: Result | null
  looked: Looked | null
  recent: readonly JobSummary[] | null
}

const ROUTES: Record<Kind, string> = {
  optimize: '/backtest/optimize/stream',
  performance: '/backtest/performance',
  walk_forward: '/backtest/walk-forward',
}
const LOOK_MS = 250
const LONGEST_MS = 600_000
const AGAIN_MS = [500, 1_000, 2_000, 4_000, 8_000]

class ResearchStore {
  private state: ResearchState = {
    forms: null,
    tables: null,
    formsError: null,
    run: null,
    result: null,
    looked: null,
    recent: null,
  }
  private readonly listeners = new Set<() => void>()
  private stopping = new AbortController()

  readonly snapshot = (): ResearchState => this.state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Read the form's schema and the tables of names, until they are there. */
  async open(): Promise<void> {
    void this.readRecent()
    if (this.state.forms !== null && this.state.tables !== null) return
    try {
      const [forms, indicator, signalType, strategy] = await Promise.all([
        readForms(),
        ...['indicator', 'signal_type', 'strategy'].map((name) => askedPlain<TableView>(`/refdata/${name}`)),
      ])
      const tables = { indicator: indicator!.rows, signal_type: signalType!.rows, strategy: strategy!.rows }
      this.set({ forms, tables, formsError: null })
    } catch (error) {
      this.set({ formsError: asApiError(error) })
    }
  }

  /** Ask for a job; one that runs is left to itself. */
  async start(kind: Kind, body: Body): Promise<void> {
    this.leave()
    const run: Run = {
      kind,
      body,
      jobId: null,
      objective: (body['objective'] as string | undefined) ?? null,
      phase: 'asking',
      startedMs: Date.now(),
      seconds: null,
      told: [],
      cut: null,
      error: null,
    }
    this.set({ run, result: null, looked: null })
    const { signal } = this.stopping
    try {
      if (kind === 'optimize') await this.follow(ROUTES[kind], { ...requestOf(body), signal }, signal)
      else await this.asked(kind, body, signal)
    } catch (error) {
      if (!signal.aborted) this.end({ phase: 'failed', error: asApiError(error) })
    }
    void this.readRecent()
  }

  /** Show a job of before, or follow it when it still runs. */
  async show(jobId: string): Promise<JobDetail | null> {
    this.leave()
    const { signal } = this.stopping
    try {
      const job = await askedPlain<JobDetail>(`/backtest/jobs/${jobId}`)
      const run: Run = {
        kind: KINDS.find((kind) => kind === job.kind) ?? 'performance',
        body: job.spec,
        jobId,
        objective: job.objective,
        phase: 'queued',
        startedMs: Date.now(),
        seconds: job.seconds,
        told: [],
        cut: null,
        error: null,
      }
      this.set({ run, result: null, looked: null })
      void this.stream(jobId, signal)
      return job
    } catch (error) {
      this.set({ formsError: asApiError(error) })
      return null
    }
  }

  async cancel(): Promise<void> {
    const { run } = this.state
    if (run === null || !isLive(run)) return
    if (run.jobId === null) {
      this.leave()
      this.set({ run: null })
      return
    }
    this.change({ phase: 'cancelling' })
    await askedPlain(`/backtest/jobs/${run.jobId}`, undefined, { method: 'DELETE' }).catch((error: unknown) => {
      this.change({ cut: asApiError(error) })
    })
  }

  /** Back-test one trial of the search that is shown. */
  async look(params: Params): Promise<void> {
    const { result } = this.state
    if (result === null) return
    const isShown = () => this.state.looked?.params === params
    this.set({ looked: { params, result: null, error: null } })
    try {
      const body = backtestOf(requestOfResult(result), params)
      const request = requestOf(body)
      request.signal = AbortSignal.timeout(LONGEST_MS)
      const found = await askedPlain<PerformanceResult>(ROUTES.performance, body, request)
      if (isShown()) this.set({ looked: { params, result: found, error: null } })
    } catch (error) {
      if (isShown()) this.set({ looked: { params, result: null, error: asApiError(error) } })
    }
    void this.readRecent()
  }

  async readRecent(): Promise<void> {
    const list = await askedPlain<JobList>('/backtest/jobs').catch(() => null)
    if (list !== null) this.set({ recent: list.jobs })
  }

  /** Stop to watch; the job itself goes on. */
  private leave(): void {
    this.stopping.abort()
    this.stopping = new AbortController()
  }

  /** Ask a route that answers at the end, and watch its job meanwhile. */
  private async asked(kind: Kind, body: Body, signal: AbortSignal): Promise<void> {
    const before = new Set((await askedPlain<JobList>('/backtest/jobs')).jobs.map((job) => job.job_id))
    const within = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)])
    const answer = askedPlain<Result>(ROUTES[kind], body, { ...requestOf(body), signal: within })
    let settled = false
    void this.watch(kind, body, before, () => settled || signal.aborted)
    try {
      this.take(await answer)
    } catch (error) {
      const { jobId, status } = asApiError(error)
      if (status === 409 && this.state.run?.phase === 'cancelling')
        return this.end({ phase: 'done', error: asApiError(error) })
      // It takes longer than the gateway holds an answer open for: its stream goes on.
      if (status !== 504 || jobId === null) throw error
      await this.stream(jobId, signal)
    } finally {
      settled = true
    }
  }

  /** Find the job that the gateway made of a request, and tell how far it is. */
  private async watch(kind: Kind, body: Body, before: ReadonlySet<string>, ended: () => boolean): Promise<void> {
    while (!ended()) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      const { jobId } = this.state.run ?? {}
      const list = await askedPlain<JobList>('/backtest/jobs').catch(() => null)
      if (ended() || list === null) continue
      for (const job of list.jobs) {
        if (job.kind !== kind || job.job_id !== (jobId ?? job.job_id) || before.has(job.job_id)) continue
        if (jobId == null && !(await isOf(job.job_id, body))) continue
        if (ended()) return
        this.change({ jobId: job.job_id, objective: job.objective })
        if (job.trial !== null) this.tell({ trial: job.trial, total: job.total_trials, best: job.best })
        else this.phase('queued')
        break
      }
    }
  }

  private async stream(jobId: string, signal: AbortSignal): Promise<void> {
    await this.follow(`/backtest/jobs/${jobId}/stream`, { signal }, signal)
  }

  /** Follow a stream to its end; one that is cut is taken up where it stopped. */
  private async follow(path: string, request: RequestInit, signal: AbortSignal): Promise<void> {
    let last = ''
    for (let attempt = 0; !signal.aborted; ) {
      try {
        for await (const event of events(path, request)) {
          if (signal.aborted) return
          last = event.id
          attempt = 0
          if (this.hear(event)) return
        }
        throw new ApiError('The stream ended early', 0, 'none')
      } catch (error) {
        const cut = asApiError(error)
        const jobId = this.state.run?.jobId
        if (signal.aborted) return
        if (cut.status !== 0 && cut.status !== 503) return this.end({ phase: 'failed', error: cut })
        if (jobId == null) return this.end({ phase: 'failed', error: cut })
        this.change({ cut })
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[Math.min(attempt++, AGAIN_MS.length - 1)]))
        path = `/backtest/jobs/${jobId}/stream`
        request = { headers: last === '' ? {} : { 'Last-Event-ID': last }, signal }
      }
    }
  }

  /** Take one event; whether it was the last. */
  private hear({ name, body }: StreamEvent): boolean {
    const said = body as {
      job_id: string
      status: string
      trial: number
      total: number | null
      total_trials: number | null
      best: number | null
      detail: string
    }
    this.change({ cut: null })
    if (name === 'init') {
      this.change({ jobId: said.job_id })
      this.phase('queued')
    }
    if (name === 'progress') this.tell({ trial: said.trial, total: said.total, best: said.best })
    if (name === 'result' && isResult(body)) this.take(body)
    if (name === 'error') {
      const error = new ApiError(said.detail, 0, 'none', said.job_id)
      this.end({ phase: said.status === 'cancelled' ? 'done' : 'failed', error })
    }
    return name === 'result' || name === 'error'
  }

  private tell(told: Told): void {
    const { run } = this.state
    if (run === null || !isLive(run)) return
    const last = run.told.at(-1)
    const is = last?.trial === told.trial && last.best === told.best
    if (!is) this.change({ told: [...run.told, told] })
    this.phase('running')
  }

  /** Go on to a phase; a wish to cancel is not forgotten. */
  private phase(phase: Run['phase']): void {
    const { run } = this.state
    if (run !== null && isLive(run) && run.phase !== 'cancelling') this.change({ phase })
  }

  private take(result: Result): void {
    this.set({ result })
    this.end({ phase: 'done', jobId: result.job_id })
    if (result.kind === 'optimize' && result.best_params !== null) void this.look(result.best_params)
  }

  private end(fields: Partial<Run>): void {
    const { run } = this.state
    const seconds = run?.seconds ?? (Date.now() - (run?.startedMs ?? 0)) / 1_000
    this.change({ ...fields, seconds, cut: null })
  }

  private change(fields: Partial<Run>): void {
    const { run } = this.state
    if (run !== null) this.set({ run: { ...run, ...fields } })
  }

  private set(fields: Partial<ResearchState>): void {
    this.state = { ...this.state, ...fields }
    this.listeners.forEach((listener) => listener())
  }
}

export function isLive({ phase }: Run): boolean {
  return phase !== 'done' && phase !== 'failed'
}

/** Whether a job was made of a request: its spec says the same, and more. */
async function isOf(jobId: string, body: Body): Promise<boolean> {
  const job = await askedPlain<JobDetail>(`/backtest/jobs/${jobId}`).catch(() => null)
  return job !== null && isPart(body, job.spec)
}

function isPart(part: unknown, whole: unknown): boolean {
  if (typeof part !== 'object' || part === null) return part === whole
  if (typeof whole !== 'object' || whole === null) return false
  return Object.entries(part).every(([name, value]) => isPart(value, (whole as Body)[name]))
}

export const researchStore = new ResearchStore()

/** Read one value of the state; the part is drawn again when it changes. */
export function useResearch<T>(select: (state: ResearchState) => T): T {
  return useSyncExternalStore(researchStore.subscribe, () => select(researchStore.snapshot()))
}
