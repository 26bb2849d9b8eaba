// Sums of net returns month by month, of ideas or of the journal.

import { useState } from 'react'

import type { PerformanceGroups } from '../contract'
import { type Kind, KINDS } from '../lib/kinds'
import { useAnswer } from '../lib/useAnswer'
import { Choices } from '../ui/Choices'
import { MonthTable } from '../ui/MonthTable'
import { yearsOf } from './years'

const EVERY_MS = 30_000

export function Months({ query }: { query: string }) {
  const [kind, setKind] = useState<Kind>('ideas')
  const { data } = useAnswer<PerformanceGroups>(`/api/performance?by=month&${query}`, EVERY_MS)
  if (data === null || data.groups.length === 0) return null
  return (
    <MonthTable
      years={yearsOf(data.groups, kind)}
      aside={
        <Choices aria-label="Months of">
          {KINDS.map(({ kind: each, name }) => (
            <button key={each} type="button" aria-pressed={each === kind} onClick={() => setKind(each)}>
              {name}
            </button>
          ))}
        </Choices>
      }
    />
  )
}
