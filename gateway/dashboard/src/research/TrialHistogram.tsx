// Sharpe ratios of all trials, and where luck alone would have put the best of them.

import { numberText, type Distribution } from './result'
import { useWidth } from './LinePlot'
import { linear, ticks } from './scale'

const HEIGHT = 290
const TOP = 34
const FOOT = 22

interface Props {
  spread: Distribution
  best: number | null
  luck: number | null
  trials: number
}

export function TrialHistogram({ spread, best, luck, trials }: Props) {
  const [box, width] = useWidth()
  if (spread.count === 0) return null
  const marks = [best, luck, 0].filter((value) => value !== null)
  const low = Math.min(spread.edges[0] ?? 0, ...marks)
  const high = Math.max(spread.edges.at(-1) ?? 1, ...marks)
  const room = (high - low) * 0.05 || 0.1
  const x = linear(low - room, high + room, 4, width - 4)
  const y = linear(0, Math.max(...spread.counts), HEIGHT - FOOT, TOP)
  const behind = best !== null && luck !== null && best < luck
  // The two labels go to either side of their marks, so that they never meet.
  const bestRight = best !== null && luck !== null ? best >= luck : true
  return (
    <section className="panel" aria-label="All trials">
      <header className="panel-head">
        <h3>All trials</h3>
        <span className="muted">Sharpe ratio, a year</span>
      </header>
      <div ref={box} className="spread">
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`Histogram of ${trials} Sharpe ratios, median ${spread.median?.toFixed(2)}. ${sentence(best, luck)}`}
        >
          {ticks(x.from, x.to, width / 70).map((value) => (
            <g key={value} className={value === 0 ? 'tick tick-origin' : 'tick'}>
              <line x1={x(value)} x2={x(value)} y1={TOP} y2={HEIGHT - FOOT} />
              <text x={x(value)} y={HEIGHT - 7} textAnchor="middle">
                {numberText(value)}
              </text>
            </g>
          ))}
          {spread.counts.map((count, bin) => {
            const [from, to] = [x(spread.edges[bin]!), x(spread.edges[bin + 1]!)]
            return (
              <rect key={bin} className="spread-bar" x={from + 0.5} width={Math.max(to - from - 1, 1)} y={y(count)} height={HEIGHT - FOOT - y(count)} />
            )
          })}
          {luck !== null && <Mark at={x(luck)} text={`luck ${luck.toFixed(2)}`} right={!bestRight} tone="tone-luck" width={width} />}
          {best !== null && (
            <Mark at={x(best)} text={`best ${best.toFixed(2)}`} right={bestRight} tone={behind ? 'tone-behind' : 'tone-own'} width={width} />
          )}
        </svg>
      </div>
      <p className="heat-said">{sentence(best, luck)}</p>
    </section>
  )
}

function sentence(best: number | null, luck: number | null): string {
  if (best === null || luck === null) return ''
  const said = `the best of as many worthless trials would show about ${numberText(Number(luck.toFixed(2)))}`
  return best < luck ? `Luck explains it: ${said}.` : `Beyond luck alone: ${said}.`
}

function Mark({ at, text, right, tone, width }: { at: number; text: string; right: boolean; tone: string; width: number }) {
  const flip = right ? at > width - 70 : at < 70
  const side = right !== flip ? 1 : -1
  const high = right ? 10 : 24
  return (
    <g className={`spread-mark ${tone}`}>
      <line x1={at} x2={at} y1={high - 6} y2={HEIGHT - FOOT} />
      <text x={at + side * 6} y={high + 4} textAnchor={side > 0 ? 'start' : 'end'}>
        {text}
      </text>
    </g>
  )
}
