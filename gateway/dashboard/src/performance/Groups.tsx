// Results by one thing that sets them apart: grade, regime, market, timeframe, hour or model.

import { useState } from 'react'

import type { PerformanceGroups, TradeFigures } from '../contract'
import { KINDS } from '../lib/kinds'
import { useAnswer } from '../lib/useAnswer'
import { Choices } from '../ui/Choices'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { TableScroll } from '../ui/TableScroll'
import table from '../ui/table.module.css'
import { ResultCells } from './Figures'

const EVERY_MS = 15_000
const WAYS = [
  ['grade', 'Grade'],
  ['regime', 'Regime'],
  ['symbol', 'Market'],
  ['timeframe', 'Timeframe'],
  ['hour', 'Hour'],
  ['model', 'Model'],
] as const

export function Groups({ query }: { query: string }) {
  const [by, setBy] = useState<(typeof WAYS)[number][0]>('grade')
  const { data, error, reload } = useAnswer<PerformanceGroups>(`/api/performance?by=${by}&${query}`, EVERY_MS)
  return (
    <PlainPanel aria-label="By group">
      <PanelHead>
        <h3>By group</h3>
        <Choices accent aria-label="Set apart by">
          {WAYS.map(([way, name]) => (
            <button key={way} type="button" aria-pressed={way === by} onClick={() => setBy(way)}>
              {name}
            </button>
          ))}
        </Choices>
      </PanelHead>
      {error !== null && <Failure error={error} onRetry={reload} />}
      {data === null && error === null && <Skeleton rows={4} label="The groups are being read" />}
      {data?.groups.length === 0 && <EmptyState title="Nothing has ended yet" />}
      {data !== null && data.groups.length > 0 && <Table groups={data.groups} />}
    </PlainPanel>
  )
}

function Table({ groups }: { groups: PerformanceGroups['groups'] }) {
  return (
    <TableScroll whole label="Results by group">
      <table className={table.numbers}>
        <thead>
          <tr>
            <th scope="col">Group</th>
            {KINDS.flatMap(({ name }) =>
              ['trades', 'won', 'net return'].map((figure) => (
                <th key={name + figure} scope="col">
                  {name}, {figure}
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.group}>
              <th scope="row">{group.group}</th>
              {KINDS.map(({ kind }) => (
                <Cells key={kind} figures={group[kind]} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

function Cells({ figures }: { figures: TradeFigures | null }) {
  if (figures === null)
    return (
      <>
        <td className="muted">–</td>
        <td className="muted">–</td>
        <td className="muted">–</td>
      </>
    )
  return <ResultCells figures={figures} />
}
