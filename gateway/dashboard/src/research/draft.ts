// What stands in the form: as typed, as the gateway's request, and as a link.

import { partsBelow, placeBelow, RESEARCH } from '../lib/route'
import type { Field, Group, Kind } from './schema'

export interface RangeText {
  min: string
  max: string
  step: string
}
export type Value = string | boolean | RangeText | readonly Draft[] | Draft
export interface Draft {
  readonly [name: string]: Value
}
export type Body = Record<string, unknown>

/** What decides: one factor, several, or a shipped strategy. */
export type Way = 'single' | 'multi' | 'strategy'

export const KINDS: readonly Kind[] = ['optimize', 'walk_forward', 'performance']
export const TITLES: Record<Kind, string> = {
  optimize: 'Optimise',
  walk_forward: 'Walk forward',
  performance: 'Back-test',
}
export const NO_RANGE: RangeText = { min: '', max: '', step: '' }

const OF_WAY: Record<Way, readonly string[]> = {
  single: ['indicator', 'signal_type', 'data_column', 'window_range', 'signal_range', 'window', 'signal'],
  multi: ['factors', 'combine'],
  strategy: ['strategy', 'space', 'params'],
}
const OF_ANY_WAY = new Set(Object.values(OF_WAY).flat())

export function wayOf(draft: Draft): Way {
  if (draft['strategy']) return 'strategy'
  return draft['mode'] === 'multi' ? 'multi' : 'single'
}

/** Whether a field is asked for, by what stands in the others. */
export function isAsked({ name }: Field, draft: Draft): boolean {
  if (name === 'mode') return false
  if (name === 'n_trials' || name === 'seed') return draft['sampler'] !== 'grid'
  return !OF_ANY_WAY.has(name) || OF_WAY[wayOf(draft)].includes(name)
}

/** The form with nothing typed: the schema's defaults. */
export function emptyDraft(groups: readonly Group[]): Draft {
  return draftOf(
    groups.flatMap((group) => group.fields),
    {},
  )
}

/** A request as it stands in the form. */
export function draftOf(fields: readonly Field[], body: Body): Draft {
  return Object.fromEntries(
    fields.map((field) => [field.name, typed(field, body[field.name] ?? field.default ?? null)]),
  )
}

function typed(field: Field, value: unknown): Value {
  switch (field.kind) {
    case 'flag':
      return value === true
    case 'range':
      return rangeText(value)
    case 'list':
      return (Array.isArray(value) ? value : []).map((item) => draftOf(field.items, item as Body))
    case 'part':
      return draftOf(field.items, (value ?? {}) as Body)
    case 'table':
      return tableText((value ?? {}) as Body)
    case 'ranges':
      return mapped(value, rangeText)
    case 'numbers':
      return mapped(value, String)
    case 'time':
      return typeof value === 'number' ? new Date(value).toISOString().slice(0, 16) : ''
    default:
      return value === null ? '' : String(value)
  }
}

function rangeText(value: unknown): RangeText {
  // A link may hold `10,200,5`, and whatever else somebody wrote there.
  const listed = typeof value === 'string' ? value.split(',') : value
  const parts = (Array.isArray(listed) ? { min: listed[0], max: listed[1], step: listed[2] } : listed) as
    Partial<Record<keyof RangeText, unknown>> | null | undefined
  const text = (part: unknown) => (part == null ? '' : String(part))
  return { min: text(parts?.min), max: text(parts?.max), step: text(parts?.step) }
}

function mapped<T>(value: unknown, make: (item: unknown) => T): Record<string, T> {
  return Object.fromEntries(Object.entries((value ?? {}) as Body).map(([name, item]) => [name, make(item)]))
}

/** The request: only what is asked for; what is no number goes as typed, for the gateway to refuse. */
export function bodyOf(groups: readonly Group[], draft: Draft): Body {
  const fields = groups.flatMap((group) => group.fields)
  const body = bodyOfFields(
    fields.filter((field) => isAsked(field, draft)),
    draft,
  )
  if (wayOf(draft) === 'multi') body['mode'] = 'multi'
  return body
}

function bodyOfFields(fields: readonly Field[], draft: Draft): Body {
  const body: Body = {}
  for (const field of fields) {
    const value = meant(field, draft[field.name] ?? '')
    if (value !== undefined) body[field.name] = value
  }
  return body
}

function meant(field: Field, value: Value): unknown {
  if (typeof value === 'boolean') return value
  if (isList(value)) return value.map((item) => bodyOfFields(field.items, item))
  if (typeof value === 'string') {
    if (value.trim() === '') return undefined
    if (field.kind === 'time') return timeOf(value)
    if (field.kind === 'table') return tableOf(value)
    return field.kind === 'number' ? numberOf(value) : value
  }
  if (field.kind === 'part') {
    const part = bodyOfFields(field.items, value as Draft)
    return isEmpty(part) ? undefined : part
  }
  if (field.kind === 'range') return rangeOf(value as unknown as RangeText)
  const entries = Object.entries(value as Record<string, string | RangeText>)
    .map(([name, item]) => [name, typeof item === 'string' ? numberOrNone(item) : rangeOf(item)] as const)
    .filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries)
}

function isList(value: Value): value is readonly Draft[] {
  return Array.isArray(value)
}

function rangeOf(range: RangeText): unknown {
  const parts = Object.entries<string>({ ...range }).filter(([, text]) => text.trim() !== '')
  if (parts.length === 0) return undefined
  return Object.fromEntries(parts.map(([name, text]) => [name, numberOf(text)]))
}

function numberOf(text: string): number | string {
  const number = Number(text)
  return Number.isFinite(number) ? number : text
}

/** A table as one types it: `0: 0.04, 240: 0.02`. */
function tableText(table: Body): string {
  return Object.entries(table)
    .map(([name, item]) => `${name}: ${String(item)}`)
    .join(', ')
}

function tableOf(text: string): Body {
  return Object.fromEntries(
    text.split(',').map((row) => {
      const [name = '', ...rest] = row.split(':')
      const item = rest.join(':').trim()
      return [name.trim(), item === '' ? item : numberOf(item)]
    }),
  )
}

function numberOrNone(text: string): number | string | undefined {
  return text.trim() === '' ? undefined : numberOf(text)
}

function timeOf(text: string): number | string {
  const ms = Date.parse(`${text}Z`)
  return Number.isNaN(ms) ? text : ms
}

/** How many values a range has; null where it is not one. */
export function countOf({ min, max, step }: RangeText): number | null {
  if ([min, max, step].some((text) => text.trim() === '')) return null
  const [from, to, by] = [Number(min), Number(max), Number(step)]
  if (!(by > 0) || !(to >= from)) return null
  return Math.floor((to - from) / by + 1e-9) + 1
}

/** How many combinations the form asks for; null while a range is none. */
export function combinationsOf(draft: Draft): number | null {
  const sampled = draft['sampler'] !== 'grid' && Number(draft['n_trials'])
  if (sampled) return sampled
  return rangesOf(draft).reduce<number | null>((product, range) => {
    const count = countOf(range)
    return product === null || count === null ? null : product * count
  }, 1)
}

function rangesOf(draft: Draft): RangeText[] {
  const range = (value: Value | undefined) => (value ?? NO_RANGE) as unknown as RangeText
  switch (wayOf(draft)) {
    case 'strategy':
      return Object.values((draft['space'] ?? {}) as Record<string, RangeText>).filter(
        ({ min, max, step }) => min + max + step !== '',
      )
    case 'multi':
      return ((draft['factors'] ?? []) as readonly Draft[]).flatMap((factor) => [
        range(factor['window_range']),
        range(factor['signal_range']),
      ])
    case 'single':
      return [range(draft['window_range']), range(draft['signal_range'])]
  }
}

const UNLINKED = new Set(['kind', 'png', 'trial_of', 'job'])

/** The address that reproduces a request: every field of it, readable. */
export function linkOf(kind: Kind, body: Body): string {
  const parts = Object.entries(body)
    .filter(([name, value]) => !UNLINKED.has(name) && value !== null && !isEmpty(value))
    .map(([name, value]) => `${name}=${encoded(value)}`)
  return `${RESEARCH}/${kind}?${parts.join('&')}`
}

/** The address of a run: its result is read again by the job, or made again from the request. */
export function addressOf(kind: Kind, body: Body, jobId: string): string {
  return `${linkOf(kind, body)}&job=${encodeURIComponent(jobId)}`
}

/** The address of a search of hyperopt: it has no form. */
export function linkToTuning(jobId: string): string {
  return placeBelow(RESEARCH, 'hyperopt', jobId)
}

/** The search of hyperopt that an address names; null when it names none. */
export function tuningOf(hash: string): string | null {
  const [kind, jobId] = partsBelow(RESEARCH, hash)
  return kind === 'hyperopt' ? (jobId ?? null) : null
}

/** The job that an address names; null when it names none. */
export function jobOf(hash: string): string | null {
  return requestOf(hash) === null ? null : new URLSearchParams(hash.split('?')[1]).get('job')
}

function isRange(value: object): value is { min: number; max: number; step: number } {
  return 'step' in value
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

function encoded(value: unknown): string {
  if (typeof value !== 'object' || value === null) return encodeURIComponent(String(value))
  if (isRange(value)) return `${value.min},${value.max},${value.step}`
  return encodeURIComponent(JSON.stringify(value))
}

/** What an address asks for; null when it asks for nothing. */
export function requestOf(hash: string): { kind: Kind; body: Body } | null {
  const [path = '', query] = hash.split('?')
  const kind = KINDS.find((each) => path === `${RESEARCH}/${each}`)
  if (kind === undefined || query === undefined) return null
  const fields = [...new URLSearchParams(query)].filter(([name]) => name !== 'job')
  const body = Object.fromEntries(fields.map(([name, text]) => [name, decoded(text)]))
  return { kind, body }
}

function decoded(text: string): unknown {
  if (/^[[{]/.test(text) || text === 'true' || text === 'false') {
    try {
      return JSON.parse(text)
    } catch {
      return text
    }
  }
  const numbers = text.split(',').map(Number)
  if (text !== '' && numbers.every(Number.isFinite)) return numbers.length === 3 ? numbers : numbers[0]
  return text
}
