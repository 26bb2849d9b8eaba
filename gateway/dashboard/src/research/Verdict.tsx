// What came of it, first in words and then in the numbers that keep one honest.

import { classes } from '../lib/classes'
import { countText, durationText, percent, ratioText, signedPercent, stampText } from '../lib/format'
import { Notes } from '../ui/Notes'
import { PlainPanel } from '../ui/Panel'
import type { Run } from './ResearchState'
import {
  type OptimizeResult,
  paramsText,
  type PerformanceResult,
  type Result,
  sideOfZero,
  type WalkForwardResult,
} from './result'
import styles from './Verdict.module.css'

type Tone = 'good' | 'warn' | 'bad'

const SURE = 0.95
const NOISE = 0.5
const SURE_T = 2

interface Figure {
  name: string
  value: string
  note: string
  tone?: Tone | undefined
  /** Place of the value and of what is asked for, between 0 and 1. */
  share?: number | null
  mark?: number
}

export function Verdict({ result, run }: { result: Result; run: Run }) {
  const { title, text, tone } = wordOf(result)
  return (
    <PlainPanel className={classes(styles.verdict, tone)} aria-label="Verdict">
      <div>
        <p className={styles.market}>
          {result.market.symbol} · {result.market.timeframe} · {countText(result.market.bars)} bars
        </p>
        <h2>
          <span className={classes(styles.mark, tone)} aria-hidden="true">
            {tone === 'good' ? '✓' : tone === 'warn' ? '?' : '∅'}
          </span>
          {title}
        </h2>
        <p className={styles.text}>{text}</p>
        <Ground result={result} run={run} />
      </div>
      <ul className={styles.figures}>
        {figuresOf(result).map((figure) => (
          <li key={figure.name}>
            <span className={styles.name}>{figure.name}</span>
            <b className={classes(styles.value, figure.tone)}>{figure.value}</b>
            {figure.share != null && (
              <span className={classes(styles.gauge, figure.tone)} aria-hidden="true">
                <i style={{ width: `${Math.min(Math.max(figure.share, 0), 1) * 100}%` }} />
                {figure.mark !== undefined && <em style={{ left: `${figure.mark * 100}%` }} />}
              </span>
            )}
            <span className={styles.note}>{figure.note}</span>
          </li>
        ))}
      </ul>
    </PlainPanel>
  )
}

function Ground({ result, run }: { result: Result; run: Run }) {
  const notes = [
    result.partial && 'total' in result
      ? `Stopped after ${countText(result.trials)} of ${countText(result.total)}: only what ran is judged.`
      : '',
    'liquidated_at_ms' in result && result.liquidated_at_ms !== null
      ? `Liquidated at ${stampText(result.liquidated_at_ms)}.`
      : '',
    result.kind === 'performance' ? endedText(result.trades?.reasons ?? {}) : '',
    'unfilled' in result && result.unfilled > 0
      ? `${countText(result.unfilled)} orders were not filled whole: too little volume.`
      : '',
    result.funding_note,
    result.market.gaps > 0 ? `${countText(result.market.gaps)} bars are missing and were not filled in.` : '',
    ...('warnings' in result ? result.warnings.filter((text) => !text.includes('bars are missing')) : []),
  ].filter(Boolean)
  const { fee_bps, slippage_bps, leverage, funding } = result.costs
  return (
    <>
      <Notes notes={notes} />
      <p className={styles.ground}>
        {stampText(result.market.from_ms)} to {stampText(result.market.to_ms)} · fee {fee_bps} + slippage {slippage_bps}{' '}
        bps a side{funding ? ', funding as settled' : ''}
        {leverage === 1 ? '' : ` · leverage ${leverage}`}
        {run.seconds === null ? '' : ` · took ${durationText(run.seconds * 1_000)}`}
      </p>
    </>
  )
}

/** Why trades ended, the most frequent reason first; empty where none has ended. */
function endedText(reasons: Record<string, number>): string {
  const ended = Object.entries(reasons).filter(([reason]) => reason !== 'open')
  const parts = ended.sort(([, a], [, b]) => b - a).map(([reason, count]) => `${reason} ${countText(count)}`)
  return parts.length > 0 ? `Trades ended by ${parts.join(', ')}.` : ''
}

/** The verdict's first words large, its reasons under them. */
function wordOf(result: Result): { title: string; text: string; tone: Tone } {
  if (result.kind === 'performance') return ranOnce(result)
  const [, title = '', text = ''] = /^([^:]+): (.*)$/s.exec(result.verdict) ?? [null, result.verdict, '']
  const tone = title.startsWith('Holds') ? 'good' : title.startsWith('Not proven') ? 'warn' : 'bad'
  return { title, text: text.charAt(0).toUpperCase() + text.slice(1), tone }
}

function ranOnce(result: PerformanceResult): { title: string; text: string; tone: Tone } {
  const interval = result.intervals['sharpe_ratio'] ?? null
  const { sharpe_ratio: sharpe } = result.metrics
  const title = `${signedPercent(result.metrics.total_return, 1)} in ${countText(result.metrics.days)} days`
  const of = `${result.strategy.replaceAll('_', ' ')}, ${paramsText(result.params)}`
  if (sharpe === null || interval === null)
    return { title, text: `${of}: too few days differ for a Sharpe ratio.`, tone: 'bad' }
  const between = `its Sharpe ratio of ${ratioText(sharpe)} lies between ${ratioText(interval[0])} and ${ratioText(interval[1])} with 95%`
  return { title, text: `${of}: ${between}, ${sideOfZero(interval)}.`, tone: interval[0] > 0 ? 'warn' : 'bad' }
}

function figuresOf(result: Result): Figure[] {
  switch (result.kind) {
    case 'optimize':
      return [...judged(result), bestOf(result)]
    case 'walk_forward':
      return [...forward(result), ...judged(result).slice(1, 2)]
    case 'performance':
      return single(result)
  }
}

function judged({
  trials,
  effective_trials,
  deflated_sharpe_ratio: deflated,
  pbo,
  pbo_trials,
}: OptimizeResult | WalkForwardResult): Figure[] {
  const alike =
    effective_trials === null
      ? ''
      : `; as alike as they are, they count as ${countText(Math.max(1, Math.round(effective_trials)))}`
  return [
    {
      name: 'Deflated Sharpe ratio',
      value: ratioText(deflated),
      note: `chance that it beats luck; ${SURE} asked for`,
      tone: deflated === null ? undefined : deflated >= SURE ? 'good' : 'bad',
      share: deflated,
      mark: SURE,
    },
    {
      name: 'PBO',
      value: ratioText(pbo),
      note:
        pbo === null
          ? 'cannot be told: too few days, or one trial'
          : `of ${countText(pbo_trials)} compared; noise gives ${NOISE}, below 0.1 is good`,
      tone: pbo === null ? undefined : pbo >= NOISE ? 'bad' : pbo > 0.1 ? 'warn' : 'good',
      share: pbo,
      mark: NOISE,
    },
    { name: 'Trials', value: countText(trials), note: `each a chance for luck${alike}` },
  ]
}

function bestOf({ best, expected_max_sharpe: luck }: OptimizeResult): Figure {
  return {
    name: 'Best Sharpe ratio',
    value: ratioText(best?.metrics.sharpe_ratio ?? null),
    note: best === null ? 'nothing traded' : `${paramsText(best.params)}; luck alone ${ratioText(luck)}`,
  }
}

function forward(result: WalkForwardResult): Figure[] {
  const { out_of_sample_sharpe_ratio: out, in_sample_sharpe_ratio: inside, t_statistic: t } = result
  return [
    {
      name: 'Sharpe out of sample',
      value: ratioText(out),
      note: `in sample ${ratioText(inside)}`,
      tone: out === null || out <= 0 ? 'bad' : undefined,
    },
    {
      name: 't-statistic',
      value: t === null ? '–' : t.toFixed(1).replace('-', '−'),
      note: `${SURE_T} asked for`,
      tone: t === null || t < SURE_T ? 'bad' : 'good',
      share: t === null ? null : t / (2 * SURE_T),
      mark: 0.5,
    },
    {
      name: 'Kept out of sample',
      value: result.efficiency !== null && result.efficiency < 0 ? 'nothing' : percent(result.efficiency),
      note: 'of the annual return in sample',
      tone: result.efficiency !== null && result.efficiency < 0 ? 'bad' : undefined,
      share: result.efficiency,
    },
  ]
}

function single({ metrics, intervals, benchmarks, trades, costs_paid }: PerformanceResult): Figure[] {
  const hold = benchmarks[0]?.metrics
  const interval = intervals['sharpe_ratio']
  const paid = costs_paid.fees + costs_paid.slippage + costs_paid.funding
  return [
    {
      name: 'Sharpe ratio',
      value: ratioText(metrics.sharpe_ratio),
      note: interval ? `95%: ${ratioText(interval[0])} to ${ratioText(interval[1])}` : 'no interval',
      tone: interval && interval[0] > 0 ? undefined : 'bad',
    },
    {
      name: 'Probabilistic Sharpe ratio',
      value: ratioText(metrics.probabilistic_sharpe_ratio),
      note: 'chance that the true one is above 0',
      share: metrics.probabilistic_sharpe_ratio,
      mark: SURE,
    },
    {
      name: 'Max drawdown',
      value: percent(metrics.max_drawdown, 1),
      note: `buy and hold ${percent(hold?.max_drawdown, 1)}`,
    },
    {
      name: 'Trades',
      value: trades === null ? '–' : countText(trades.count),
      note: `costs paid ${countText(Math.round(paid))}${trades?.open ? '; the last is open' : ''}`,
    },
  ]
}
