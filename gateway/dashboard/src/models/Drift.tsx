// Whether the serving model still does as it did: harm by each measure, shifts of its features.

import type { DriftList, DriftReportView, FeatureShift, MeasureDrift } from '../contract'
import { countText, stampText, valueText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { wordsOf } from '../live/featureWords'
import { Meter } from '../ui/Meter'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import table from '../ui/table.module.css'
import { plainName } from './words'

const EVERY_MS = 10_000
const SHOWN_FEATURES = 12
const NOT_WATCHED = 'It gives no alarms: on the history of the training it failed its trial'

/** Of the model that serves a timeframe. */
export function Drift({ timeframe, version }: { timeframe: string; version: string }) {
  const { data } = useAnswer<DriftList>(`/api/drift?timeframe=${timeframe}`, EVERY_MS)
  const reports = (data?.reports ?? []).filter(({ model_version: of }) => of === version)
  const harmful = reports.filter(({ reasons }) => reasons.length > 0)
  const watched = reports.filter(({ measures }) => measures.some(({ armed }) => armed))
  const unreported = data?.unreported.find(({ model_version: of }) => of === version)
  return (
    <Panel
      title="Drift"
      aside={
        reports.length > 0 && <Verdict harmful={harmful.length} watched={watched.length} reports={reports.length} />
      }
    >
      {reports.length === 0 ? (
        <p className="muted">{unreported?.reason ?? 'No report yet'}.</p>
      ) : (
        <>
          <Measures reports={reports} />
          <p className={text.footNote}>
            An alarm is a lower bound above the limit; the bound holds however often one looks. Shifts of features
            inform, they alarm nobody.
          </p>
          <Shifts reports={reports} />
        </>
      )}
    </Panel>
  )
}

function Verdict({ harmful, watched, reports }: { harmful: number; watched: number; reports: number }) {
  if (harmful > 0) return <Tag tone="bad">{`harm in ${harmful} of ${reports} markets`}</Tag>
  if (watched === 0) return <Tag tone="muted">not watched</Tag>
  return (
    <Tag tone="good">{watched === reports ? 'no alarm' : `no alarm; ${watched} of ${reports} markets watched`}</Tag>
  )
}

function Measures({ reports }: { reports: readonly DriftReportView[] }) {
  const names = [...new Set(reports.flatMap(({ measures }) => measures.map(({ measure }) => measure)))]
  return (
    <TableScroll whole label="Measures by market">
      <table className={table.numbers}>
        <thead>
          <tr>
            <th scope="col">Market</th>
            {names.map((name) => (
              <th key={name} scope="col">
                {plainName(name)}
              </th>
            ))}
            <th scope="col">Outcomes</th>
          </tr>
        </thead>
        <tbody>
          {reports.map(({ symbol, measures }) => (
            <tr key={symbol}>
              <th scope="row">{symbol}</th>
              {names.map((name) => (
                <Measure key={name} drift={measures.find(({ measure }) => measure === name)} />
              ))}
              <td>{countText(Math.max(0, ...measures.map(({ labels }) => labels)))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

function Measure({ drift }: { drift: MeasureDrift | undefined }) {
  if (drift === undefined) return <td>–</td>
  const { live, limit, lower, armed } = drift
  const isAlarm = armed && lower !== null && lower > limit
  return (
    <td className={isAlarm ? 'bad' : undefined} title={armed ? undefined : NOT_WATCHED}>
      {valueText(live)} <span className="muted">{armed ? boundText(lower, limit) : 'not watched'}</span>
    </td>
  )
}

function boundText(lower: number | null, limit: number): string {
  return `${lower === null ? 'no bound yet' : `at least ${valueText(lower)}`}, limit ${valueText(limit)}`
}

function Shifts({ reports }: { reports: readonly DriftReportView[] }) {
  const strongest = reports
    .flatMap(({ symbol, features }) => features.map((shift) => ({ symbol, shift })))
    .sort((one, other) => other.shift.e_value - one.shift.e_value)
    .slice(0, SHOWN_FEATURES)
  const newest = Math.max(...reports.map(({ event_time_ms: atMs }) => atMs))
  if (strongest.length === 0) return null
  const reach = Math.max(...strongest.map(({ shift }) => ofNull(shift)), 1)
  return (
    <>
      <h4 className={table.heading}>Features that moved most</h4>
      <TableScroll whole label="Features that moved most">
        <table className={table.numbers}>
          <thead>
            <tr>
              <th scope="col">Feature</th>
              <th scope="col">Market</th>
              <th scope="col">PSI</th>
              <th scope="col">95% of the past</th>
              <th scope="col">
                <span className="unseen">Drawn</span>
              </th>
              <th scope="col">Evidence</th>
            </tr>
          </thead>
          <tbody>
            {strongest.map(({ symbol, shift }) => (
              <tr key={`${symbol} ${shift.name}`}>
                <th scope="row" title={shift.name}>
                  {wordsOf(shift.name)}
                </th>
                <td>{symbol}</td>
                <td>{valueText(shift.psi)}</td>
                <td>{valueText(shift.psi_95)}</td>
                <td className={table.bar}>
                  <Meter share={ofNull(shift) / reach} tone={shift.drifted ? 'warn' : 'muted'} />
                </td>
                <td>
                  {shift.drifted ? <span className="warn">{valueText(shift.e_value)}</span> : valueText(shift.e_value)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
      <p className={text.footNote}>Up to {stampText(newest)}. Evidence 1 is none, 20 is strong.</p>
    </>
  )
}

function ofNull({ psi, psi_95: usual }: FeatureShift): number {
  return usual > 0 ? psi / usual : 0
}
