// What is wrong with a request, in the gateway's words, at the field that each part names.

import type { ApiError } from '../lib/api'
import { type Draft, isAsked } from './draft'
import type { Group } from './schema'

export interface FieldErrors {
  /** Path of a field, e.g. `signal_range` or `factors.0.window_range`, to what is wrong with it. */
  fields: ReadonlyMap<string, string>
  /** What names no field. */
  rest: readonly string[]
}

/** Whether an error is about what was asked for: the gateway's 400, or the end of a job's stream. */
export function isOfRequest(error: ApiError | null): error is ApiError {
  return error !== null && (error.status === 400 || (error.status === 0 && error.jobId !== null))
}

export const NO_ERRORS: FieldErrors = { fields: new Map(), rest: [] }

export function fieldErrorsOf(error: ApiError, groups: readonly Group[], draft: Draft): FieldErrors {
  const asked = groups.flatMap((group) => group.fields).filter((field) => isAsked(field, draft))
  const names = asked.map((field) => field.name)
  const fields = new Map<string, string>()
  const rest: string[] = []
  // Parts are set apart by "; " and each begins with the place it is about.
  for (const part of error.message.split(/; (?=[a-z_]+(?:\.[\w]+)*: )/)) {
    const [, place, text] = /^([a-z_]+(?:\.\w+)*): (.*)$/s.exec(part) ?? []
    const path = place !== undefined && names.includes(place.split('.')[0] ?? '') ? place : mentioned(part, names)
    if (path === null) rest.push(part.replace(/^body: /, ''))
    else fields.set(path, path === place && text !== undefined ? text : part.replace(/^body: /, ''))
  }
  return { fields, rest }
}

/** The first field that a sentence names. */
function mentioned(text: string, names: readonly string[]): string | null {
  const places = names
    .filter((name) => name.includes('_'))
    .map((name) => ({ name, at: text.search(new RegExp(`\\b${name}\\b`)) }))
    .filter(({ at }) => at >= 0)
  return places.toSorted((a, b) => a.at - b.at)[0]?.name ?? null
}

/** What is wrong with a field, or with a part of it. */
export function errorAt(errors: FieldErrors, path: string): string | undefined {
  const own = errors.fields.get(path)
  if (own !== undefined) return own
  const part = [...errors.fields].find(([name]) => name.startsWith(`${path}.`))
  return part && `${part[0].slice(path.length + 1).replaceAll('.', ' ')}: ${part[1]}`
}
