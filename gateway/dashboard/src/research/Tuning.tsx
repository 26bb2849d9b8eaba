// A search of hyperopt, which strategies and the command line ask for: how far it is, and what came of it.

import type { JobDetail } from '../contract'
import { countText, dayText, durationText, percent, ratioText, signedPercent, wallText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { Failure, FailureBox } from '../ui/Failure'
import { HeadRow } from '../ui/HeadRow'
import { ItemFact, ItemFacts } from '../ui/ItemFacts'
import { Panel, PanelHead, PlainPanel } from '../ui/Panel'
import { LinePlot } from '../ui/plot/LinePlot'
import series from '../ui/plot/series.module.css'
import { ProgressBar } from '../ui/ProgressBar'
import { Skeleton } from '../ui/Skeleton'
import { TableScroll } from '../ui/TableScroll'
import table from '../ui/table.module.css'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import { JOB_TONES } from './recentJob'
import { ResultFiles } from './ResultFiles'
import { numberText, type TuningMetrics, type TuningResult } from './result'

const EVERY_MS = 3_000

export function Tuning({ jobId }: { jobId: string }) {
  const path = `/api/v1/hyperopt/${encodeURIComponent(jobId)}`
  const { data: job, error, reload } = useAnswer<JobDetail>(path, EVERY_MS)
  const result = useAnswer<TuningResult>(job === null || job.outcome === null ? null : `${path}/result`)
  if (job === null)
    return (
      <PlainPanel aria-label="Search of hyperopt">
        {error === null ? (
          <Skeleton rows={4} label="The search is being read" />
        ) : (
          <Failure error={error} onRetry={reload} />
        )}
      </PlainPanel>
    )
  return (
    <>
      <Head job={job} result={result.data} />
      {result.error !== null && <Failure error={result.error} onRetry={result.reload} />}
      {result.data !== null && <Outcome result={result.data} />}
      <ResultFiles urls={job.urls} />
    </>
  )
}

function Head({ job, result }: { job: JobDetail; result: TuningResult | null }) {
  const { status, trial, total_trials: total, best, objective } = job
  const isLive = ['queued', 'running', 'cancelling'].includes(status)
  const done = trial === null || total === null || total === 0 ? null : trial / total
  return (
    <PlainPanel aria-label="Search of hyperopt">
      <p className={text.eyebrow}>Search of hyperopt</p>
      <PanelHead>
        <h2>
          {String(job.request['strategy_name'] ?? 'A strategy').replaceAll('_', ' ')}, {job.symbol}{' '}
          {String(job.request['timeframe'] ?? '')} <Tag tone={JOB_TONES[status]}>{status}</Tag>
        </h2>
        <span className={text.aside}>asked for at {wallText(Date.parse(job.requested_at))}</span>
      </PanelHead>
      {isLive && <ProgressBar done={done} label="Trials done" />}
      {job.outcome?.verdict != null && <p className={text.lead}>{job.outcome.verdict}</p>}
      {job.error !== null && <FailureBox>{job.error}</FailureBox>}
      <ItemFacts>
        <ItemFact name="Trials" value={trial === null ? '–' : countText(trial)} note={`of ${countText(total ?? 0)}`} />
        <ItemFact
          name={`Best ${(objective ?? 'value').replaceAll('_', ' ')}`}
          value={best === null ? '–' : numberText(best)}
        />
        {result !== null && (
          <>
            <ItemFact name="Luck alone" value={ratioText(result.expected_max_sharpe)} note="Sharpe ratio" />
            <ItemFact
              name="Deflated Sharpe ratio"
              value={ratioText(result.deflated_sharpe_ratio)}
              note="0.95 asked for"
            />
            <ItemFact name="PBO" value={ratioText(result.pbo)} note="noise gives 0.5" />
          </>
        )}
        <ItemFact name="Took" value={durationText(job.seconds === null ? null : job.seconds * 1_000)} />
      </ItemFacts>
    </PlainPanel>
  )
}

function Outcome({ result: r }: { result: TuningResult }) {
  const rows: readonly [string, TuningMetrics | null][] = [
    ['What was searched on', r.in_sample],
    ['Holdout, which no trial saw', r.out_of_sample],
  ]
  return (
    <>
      <Panel
        title="Best of them"
        aside={
          r.holdout && (
            <span className={text.aside}>
              holdout {dayText(r.holdout.from_ms)} to {dayText(r.holdout.to_ms)}
            </span>
          )
        }
      >
        <ItemFacts>
          {Object.entries(r.best_params ?? {}).map(([name, value]) => (
            <ItemFact
              key={name}
              name={name.replaceAll('_', ' ')}
              value={typeof value === 'number' ? numberText(value) : String(value)}
            />
          ))}
        </ItemFacts>
        <TableScroll whole label="The best trial, on the bars searched and on the holdout">
          <table className={table.numbers}>
            <HeadRow names={['Bars', 'Return', 'Sharpe', 'Max drawdown', 'Wins', 'Profit factor', 'Trades']} />
            <tbody>
              {rows.map(([name, metrics]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{signedPercent(metrics?.total_return, 1)}</td>
                  <td>{ratioText(metrics?.sharpe_ratio)}</td>
                  <td>{percent(metrics?.max_drawdown, 1)}</td>
                  <td>{percent(metrics?.win_rate)}</td>
                  <td>{ratioText(metrics?.profit_factor)}</td>
                  <td>{metrics === null ? '–' : countText(metrics.trades)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableScroll>
      </Panel>
      {r.equity !== null && r.equity.time_ms.length > 1 && <Equity curve={r.equity} />}
    </>
  )
}

function Equity({ curve: { time_ms: time, equity } }: { curve: NonNullable<TuningResult['equity']> }) {
  const start = equity[0] ?? 1
  const values = equity.map((value) => value / start - 1)
  return (
    <Panel title="Equity on the holdout">
      <LinePlot
        label="Equity of the best trial on the holdout over time"
        height={260}
        panes={[
          {
            name: 'Growth',
            share: 1,
            origin: 0,
            text: (value) => signedPercent(value, 1),
            lines: [{ name: 'best trial', tone: series.own, time, values }],
          },
        ]}
      />
    </Panel>
  )
}
