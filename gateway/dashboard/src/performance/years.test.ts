import { expect, test } from 'vitest'

import type { PerformanceGroups } from '../contract'
import { yearsOf } from './years'

test('months stand in their year, and one without an exit is null', () => {
  const month = (group: string, net: number | null) =>
    ({ group, ideas: net === null ? null : { net_return: net }, journal: null, calls: null }) as never
  const groups: PerformanceGroups['groups'] = [month('2024-12', 0.02), month('2025-01', -0.01), month('2025-03', null)]

  const years = yearsOf(groups, 'ideas')

  expect(years.map(({ year, total }) => [year, total])).toEqual([
    [2024, 0.02],
    [2025, -0.01],
  ])
  expect(years[1]?.months.slice(0, 3)).toEqual([-0.01, null, null])
  expect(yearsOf(groups, 'journal')).toEqual([])
})
