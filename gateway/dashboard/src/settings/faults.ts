// A fault of a config as the gateway words it: `path: got value, expectation`.

export interface Fault {
  path: string
  /** The value that stands there; null where the fault is not about one. */
  got: string | null
  expectation: string
}

export function faultOf(text: string): Fault {
  const [, path, rest] = /^([\w.${}[\]-]+): (.*)$/s.exec(text) ?? []
  if (path === undefined || rest === undefined) return { path: 'config', got: null, expectation: text }
  const parts = /^got ("(?:[^"\\]|\\.)*"|\[.*?\]|\{.*?\}|[^,]*), (.*)$/s.exec(rest)
  return parts === null
    ? { path, got: null, expectation: rest }
    : { path, got: parts[1] ?? null, expectation: parts[2] ?? '' }
}
