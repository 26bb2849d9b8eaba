// The form's fields, read from the gateway's own OpenAPI document: a field added there shows here.

import { askPlain } from '../lib/api'

export type Kind = 'optimize' | 'performance' | 'walk_forward'

interface Node {
  type?: string
  $ref?: string
  anyOf?: Node[]
  enum?: string[]
  const?: string
  items?: Node
  additionalProperties?: Node | boolean
  patternProperties?: Record<string, Node>
  properties?: Record<string, Node>
  description?: string
  default?: unknown
  maxItems?: number
}

export interface Field {
  name: string
  label: string
  /** What the field means, as the schema says it. */
  hint: string
  kind: 'choice' | 'flag' | 'number' | 'text' | 'time' | 'range' | 'list' | 'ranges' | 'numbers' | 'part' | 'table'
  choices: readonly string[]
  nullable: boolean
  /** What null stands for, where the schema says so. */
  empty: string
  default: unknown
  /** Fields of a part, or of each item of a list; and how many items at most. */
  items: readonly Field[]
  most: number
}

export interface Group {
  name: string
  fields: readonly Field[]
}

export type Forms = Record<Kind, readonly Group[]>

const SPECS: Record<Kind, string> = {
  optimize: 'OptimizeSpec',
  performance: 'PerformanceSpec',
  walk_forward: 'WalkForwardSpec',
}

// Where a field stands in the form; one that is named nowhere stands under "More".
const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ['Market', ['symbol', 'timeframe', 'from_ms', 'to_ms']],
  [
    'Decision',
    [
      'mode',
      'strategy',
      'indicator',
      'signal_type',
      'data_column',
      'window_range',
      'signal_range',
      'window',
      'signal',
      'factors',
      'combine',
      'space',
      'params',
    ],
  ],
  ['Search', ['objective', 'sampler', 'n_trials', 'seed']],
  ['Windows', ['scheme', 'train_bars', 'test_bars', 'purge_bars']],
  ['Exits', ['exits']],
  ['Costs and account', ['fee_bps', 'slippage_bps', 'leverage', 'equity', 'participation', 'funding']],
]
// The page draws for itself, and names the kind by the route it asks; the gateway says what of a config it took.
const UNSHOWN = new Set(['kind', 'png', 'trial_of', 'config'])
const UNITS: Record<string, string> = { bps: 'bps', ms: 'UTC', bars: 'bars' }

// The gateway makes the document when it is first asked for it: seconds, more on a busy machine.
const DOCUMENT_WITHIN_MS = 30_000

export async function readForms(): Promise<Forms> {
  const signal = AbortSignal.timeout(DOCUMENT_WITHIN_MS)
  const document = await askPlain<{ components: { schemas: Record<string, Node> } }>('/openapi.json', undefined, {
    signal,
  })
  const known = document.components.schemas
  const form = (kind: Kind) => groupsOf(fieldsOf(known[SPECS[kind]], known))
  return { optimize: form('optimize'), performance: form('performance'), walk_forward: form('walk_forward') }
}

function groupsOf(fields: readonly Field[]): readonly Group[] {
  const named = new Set(GROUPS.flatMap(([, names]) => names))
  const rest = fields.filter(({ name }) => !named.has(name))
  return [...GROUPS, ['More', rest.map(({ name }) => name)] as const]
    .map(([name, names]) => ({
      name,
      fields: names.flatMap((each) => fields.filter((field) => field.name === each)),
    }))
    .filter((group) => group.fields.length > 0)
}

function fieldsOf(spec: Node | undefined, known: Record<string, Node>): Field[] {
  return Object.entries(spec?.properties ?? {})
    .filter(([name]) => !UNSHOWN.has(name))
    .map(([name, node]) => fieldOf(name, node, known))
}

function fieldOf(name: string, node: Node, known: Record<string, Node>): Field {
  const nullable = node.anyOf?.some((part) => part.type === 'null') ?? false
  const own = node.anyOf?.find((part) => part.type !== 'null') ?? node
  const [hint = '', empty = ''] = (node.description ?? '').split(/;?\s*null: /)
  const part = known[nameOf(own.type === 'array' ? own.items : own) ?? '']
  return {
    name,
    label: labelOf(name),
    hint,
    kind: kindOf(name, own, part),
    choices: own.enum ?? [],
    nullable,
    empty,
    default: node.default,
    items: fieldsOf(part, known),
    most: own.maxItems ?? Infinity,
  }
}

function kindOf(name: string, node: Node, part: Node | undefined): Field['kind'] {
  if (nameOf(node)?.endsWith('Range')) return 'range'
  if (node.enum) return 'choice'
  if (node.type === 'array') return 'list'
  if (node.patternProperties) return 'table'
  if (part?.properties) return 'part'
  if (node.type === 'object' && typeof node.additionalProperties === 'object')
    return nameOf(node.additionalProperties) ? 'ranges' : 'numbers'
  if (node.type === 'boolean') return 'flag'
  if (name.endsWith('_ms')) return 'time'
  return node.type === 'integer' || node.type === 'number' ? 'number' : 'text'
}

function nameOf(node: Node | undefined): string | undefined {
  return node?.$ref?.split('/').at(-1)
}

/** `fee_bps` reads "Fee, bps". */
export function labelOf(name: string): string {
  const words = name.replace(/^n_/, '').split('_')
  const unit = words.length > 1 ? UNITS[words.at(-1) ?? ''] : undefined
  const text = (unit ? words.slice(0, -1) : words).join(' ')
  return text.charAt(0).toUpperCase() + text.slice(1) + (unit ? `, ${unit}` : '')
}
