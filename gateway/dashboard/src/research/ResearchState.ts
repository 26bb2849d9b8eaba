// What the research page knows: the form's schema, the run, its result, and recent jobs.

import type { JobSummary, TableView } from '../contract'
import type { ApiError } from '../lib/api'
import type { Body } from './draft'
import type { Params, PerformanceResult, Result } from './result'
import type { Forms, Kind } from './schema'

/** How far a search was at a moment. */
export interface ProgressPoint {
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
  progress: readonly ProgressPoint[]
  /** Why the stream is being made again; null while it flows. */
  streamError: ApiError | null
  error: ApiError | null
}

/** The back-test of one trial of a search. The result of a search does not carry it. */
export interface TrialBacktest {
  params: Params
  result: PerformanceResult | null
  error: ApiError | null
}

/** Rows of the gateway's reference tables. */
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
  trialBacktest: TrialBacktest | null
  recentJobs: readonly JobSummary[] | null
  /** Why a job that was to be shown is not. */
  jobError: { jobId: string; error: ApiError } | null
}

export const INITIAL_STATE: ResearchState = {
  forms: null,
  tables: null,
  formsError: null,
  run: null,
  result: null,
  trialBacktest: null,
  recentJobs: null,
  jobError: null,
}

export function newRun(kind: Kind, body: Body): Run {
  return {
    kind,
    body,
    jobId: null,
    objective: (body['objective'] as string | undefined) ?? null,
    phase: 'asking',
    startedMs: Date.now(),
    seconds: null,
    progress: [],
    streamError: null,
    error: null,
  }
}

export function isLive({ phase }: Run): boolean {
  return phase !== 'done' && phase !== 'failed'
}
