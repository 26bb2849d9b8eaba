import { afterEach, expect, test, vi } from 'vitest'

import { labelOf, readForms } from './schema'

const RANGE = { $ref: '#/components/schemas/IntRange' }
const PROPERTIES = {
  kind: { const: 'optimize' },
  symbol: { type: 'string', description: 'A market' },
  from_ms: { anyOf: [{ type: 'integer' }, { type: 'null' }], description: 'First bar; null: all' },
  objective: { enum: ['sharpe', 'return'], default: 'sharpe' },
  window_range: RANGE,
  factors: { type: 'array', items: { $ref: '#/components/schemas/Factor' }, maxItems: 3 },
  space: { type: 'object', additionalProperties: RANGE },
  funding: { type: 'boolean', default: true },
  exits: { anyOf: [{ $ref: '#/components/schemas/Exits' }, { type: 'null' }] },
  brand_new: { type: 'number' },
}

function gatewayWith(properties: object): void {
  const spec = { properties }
  const schemas = {
    OptimizeSpec: spec,
    PerformanceSpec: spec,
    WalkForwardSpec: spec,
    Factor: { properties: { indicator: { type: 'string' } } },
    Exits: { properties: { minimal_roi: { type: 'object', patternProperties: { '^0$': { type: 'number' } } } } },
  }
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ components: { schemas } })))
}

afterEach(() => vi.unstubAllGlobals())

test('every field stands in its group, and one that is not known under More', async () => {
  gatewayWith(PROPERTIES)

  const groups = (await readForms()).optimize

  expect(groups.map(({ name, fields }) => [name, fields.map((each) => each.name)])).toEqual([
    ['Market', ['symbol', 'from_ms']],
    ['Decision', ['window_range', 'factors', 'space']],
    ['Search', ['objective']],
    ['Exits', ['exits']],
    ['Costs and account', ['funding']],
    ['More', ['brand_new']],
  ])
})

test('the kind of an input follows the type in the schema', async () => {
  gatewayWith(PROPERTIES)

  const fields = (await readForms()).optimize.flatMap((group) => group.fields)

  expect(Object.fromEntries(fields.map(({ name, kind }) => [name, kind]))).toEqual({
    symbol: 'text',
    from_ms: 'time',
    objective: 'choice',
    window_range: 'range',
    factors: 'list',
    space: 'ranges',
    funding: 'flag',
    exits: 'part',
    brand_new: 'number',
  })
})

test('a description says what a field means and what null stands for', async () => {
  gatewayWith(PROPERTIES)

  const [, from] = (await readForms()).optimize[0]!.fields

  expect(from).toMatchObject({ hint: 'First bar', empty: 'all', nullable: true })
})

test('a name reads as words, with its unit behind', () => {
  expect(labelOf('fee_bps')).toBe('Fee, bps')
  expect(labelOf('n_trials')).toBe('Trials')
  expect(labelOf('signal_type')).toBe('Signal type')
})
