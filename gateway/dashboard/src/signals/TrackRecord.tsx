// The score of past signals: hit rates with their intervals, returns after costs, honesty.

import type { ReliabilityBin, ScoreRow } from '../contract'
import { liveStore, useLive } from '../live/LiveStore'
import { countText, percent, signedPercent } from '../lib/format'
import { Failed, Nothing, Panel } from '../ui/marks'

const FEW = 30 // fewer outcomes than this prove nothing

const NAMES: Record<string, string> = { directional: 'All directional', neutral: 'Neutral' }

export function TrackRecord({ symbol }: { symbol: string | null }) {
  const record = useLive((state) => state.scores)
  const error = useLive((state) => state.scoresError)
  const scope = record?.symbol ?? null
  return (
    <Panel
      title="Score of past signals"
      className="record"
      aside={
        <span className="choices" role="group" aria-label="Scored markets">
          <button type="button" aria-pressed={scope === null} onClick={() => liveStore.score(null)}>
            All
          </button>
          {symbol && (
            <button type="button" aria-pressed={scope === symbol} onClick={() => liveStore.score(symbol)}>
              {symbol}
            </button>
          )}
        </span>
      }
    >
      {record?.rows.length ? (
        <div className="record-body">
          <Rates rows={record.rows} />
          <Reliability bins={record.bins} />
        </div>
      ) : error ? (
        <Failed error={error} onRetry={() => liveStore.score(scope)} />
      ) : (
        <Nothing title="Nothing has expired yet">
          <p>Each signal is scored at its horizon, after costs, against the next bar's open.</p>
        </Nothing>
      )}
    </Panel>
  )
}

function Rates({ rows }: { rows: ScoreRow[] }) {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Hit rates by grade">
      <table className="rates">
        <caption className="unseen">Hit rate with its 95% Wilson interval, and return, by grade</caption>
        <thead>
          <tr>
            <th scope="col">Group</th>
            <th scope="col">n</th>
            <th scope="col">Hit rate, 95%</th>
            <th scope="col">
              <span className="unseen">Interval</span>
              <span className="axis" aria-hidden="true">
                <i>0</i>
                <i>50</i>
                <i>100</i>
              </span>
            </th>
            <th scope="col" title="Mean net return after costs">
              Net
            </th>
            <th scope="col" title="Mean confidence minus hit rate">
              Over-conf.
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Rate key={row.group} row={row} />
          ))}
        </tbody>
      </table>
      <p className="muted foot-note">
        Faint rows have fewer than {FEW} known outcomes: too few to judge. Net is the mean return after
        fees, slippage and funding.
      </p>
    </div>
  )
}

function Rate({ row }: { row: ScoreRow }) {
  const { hit_rate: rate, hit_rate_low: low, hit_rate_high: high, mean_net_return: net, calibration_gap: gap } = row
  const unknown = row.signals - row.known
  return (
    <tr className={row.known < FEW ? 'few' : ''}>
      <th scope="row">{NAMES[row.group] ?? `Grade ${row.group}`}</th>
      <td title={unknown ? `${unknown} more have an unknown outcome` : ''}>{countText(row.known)}</td>
      <td>
        {rate === null ? (
          'unknown'
        ) : (
          <>
            <b>{percent(rate)}</b>{' '}
            <span className="muted">
              {percent(low)}–{percent(high)}
            </span>
          </>
        )}
      </td>
      <td>
        {rate !== null && low !== null && high !== null && (
          <svg className="whisker" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
            <line className="middle" x1="50" x2="50" y1="0" y2="10" />
            <line className="range" x1={low * 100} x2={high * 100} y1="5" y2="5" />
            <line className="point" x1={rate * 100 - 1} x2={rate * 100 + 1} y1="5" y2="5" />
          </svg>
        )}
      </td>
      <td className={row.group === 'neutral' || net === null ? 'muted' : net < 0 ? 'bad' : 'good'}>
        {row.group === 'neutral' ? '–' : signedPercent(net)}
      </td>
      <td>{gap === null ? '–' : signedPercent(gap, 0)}</td>
    </tr>
  )
}

const SIDE = 148
const EDGE = 26

function Reliability({ bins }: { bins: ReliabilityBin[] }) {
  const x = (share: number) => EDGE + share * (SIDE - EDGE - 10)
  const y = (share: number) => SIDE - EDGE - share * (SIDE - EDGE - 6)
  const known = bins.reduce((sum, bin) => sum + bin.known, 0)
  const summary = bins
    .map((bin) => `${percent(bin.mean_confidence)} confidence came true ${percent(bin.hit_rate)} of ${bin.known}`)
    .join('; ')
  return (
    <figure className="reliability">
      <svg viewBox={`0 0 ${SIDE} ${SIDE}`} role="img" aria-label={`Calibration of ${known} signals: ${summary}`}>
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line className="grid" x1={x(0)} x2={x(1)} y1={y(share)} y2={y(share)} />
            <line className="grid" x1={x(share)} x2={x(share)} y1={y(0)} y2={y(1)} />
            <text x={x(share)} y={SIDE - EDGE + 12} textAnchor="middle">
              {share * 100}
            </text>
            <text x={EDGE - 5} y={y(share) + 3} textAnchor="end">
              {share * 100}
            </text>
          </g>
        ))}
        <line className="diagonal" x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} />
        {bins.map((bin) => (
          <g
            key={`${bin.directional}${bin.mean_confidence}`}
            className={`${bin.directional ? 'directional' : 'neutral'}${bin.known < FEW ? ' few' : ''}`}
          >
            <line x1={x(bin.mean_confidence)} x2={x(bin.mean_confidence)} y1={y(bin.hit_rate_low)} y2={y(bin.hit_rate_high)} />
            <circle cx={x(bin.mean_confidence)} cy={y(bin.hit_rate)} r={2 + Math.min(Math.sqrt(bin.known) / 6, 3)} />
          </g>
        ))}
        <text x={x(0.5)} y={SIDE - 2} textAnchor="middle">
          confidence, %
        </text>
      </svg>
      <figcaption className="muted">
        Came true, % by confidence. On the line is honest; <b className="accent">●</b> directional, ○ neutral.
      </figcaption>
    </figure>
  )
}
