// Results by month as a table of years.

import type { PerformanceGroups } from '../contract'
import type { Kind } from '../lib/kinds'
import type { Year } from '../ui/MonthTable'

/** The years of groups such as `2025-06`, as sums of net returns of one kind; a month without an exit is null. */
export function yearsOf(groups: PerformanceGroups['groups'], kind: Kind): readonly Year[] {
  const years = new Map<number, (number | null)[]>()
  for (const { group, [kind]: figures } of groups) {
    const [year, month] = group.split('-').map(Number)
    if (figures === null || figures.net_return === null || year === undefined || month === undefined) continue
    const months = years.get(year) ?? Array<number | null>(12).fill(null)
    months[month - 1] = figures.net_return
    years.set(year, months)
  }
  return [...years].map(([year, months]) => ({
    year,
    months,
    total: months.reduce<number>((sum, value) => sum + (value ?? 0), 0),
  }))
}
