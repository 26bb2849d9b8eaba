// A job of the list in words: what it was asked to do, and what came of it.

import type { JobSummary } from '../contract'
import { ratioText, signedPercent } from '../lib/format'
import { type Body, TITLES } from './draft'
import { numberText, paramsText } from './result'

export const JOB_TITLES: Record<JobSummary['kind'], string> = { ...TITLES, hyperopt: 'Search' }

export const JOB_TONES: Record<JobSummary['status'], 'muted' | 'accent' | 'good' | 'bad' | 'warn'> = {
  queued: 'muted',
  running: 'accent',
  cancelling: 'warn',
  done: 'good',
  failed: 'bad',
  cancelled: 'warn',
  partial: 'warn',
}

/** `bollinger z, momentum · window 10 to 200 by 5 · signal 0.5 to 3 by 0.25`. */
export function requestText({ request }: JobSummary): string {
  const name = request['strategy'] ?? request['strategy_name']
  if (typeof name === 'string') {
    const parameters = { ...(request['space'] as Body), ...(request['params'] as Body) }
    return [plain(name), ...valuesOf(parameters)].join(' · ')
  }
  const factors = (request['factors'] as Body[] | undefined) ?? [request]
  return factors.map(factorText).join(request['combine'] === 'any' ? ' or ' : ' and ')
}

function factorText(factor: Body): string {
  const { indicator, signal_type, window, window_range, signal, signal_range } = factor
  const decides = [indicator, signal_type].filter((word) => word != null).map((word) => plain(String(word)))
  return [decides.join(', '), ...valuesOf({ window: window ?? window_range, signal: signal ?? signal_range })].join(
    ' · ',
  )
}

function valuesOf(values: Body): string[] {
  return Object.entries(values)
    .filter(([, value]) => value != null)
    .map(([name, value]) => `${plain(name)} ${valueText(value)}`)
}

function valueText(value: unknown): string {
  if (typeof value === 'number') return numberText(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const { min, max, step } = value as Record<string, number>
  return `${numberText(min ?? 0)} to ${numberText(max ?? 0)} by ${numberText(step ?? 0)}`
}

function plain(name: string): string {
  return name.replaceAll('_', ' ')
}

/** The verdict and the main figures; why there are none; nothing while it runs. */
export function outcomeText({ outcome, error }: JobSummary): string {
  if (error !== null) return error
  if (outcome === null) return ''
  const { verdict, params, total_return: total, sharpe_ratio: sharpe } = outcome
  return [
    verdict?.split(':')[0] ?? '',
    params === null ? '' : `best ${paramsText(params as Record<string, number>)}`,
    total === null ? '' : signedPercent(total, 1),
    sharpe === null ? '' : `Sharpe ${ratioText(sharpe)}`,
  ]
    .filter(Boolean)
    .join(' · ')
}
