// Sharpe ratios of all trials, and where luck alone would have put the best of them.

import { classes } from '../lib/classes'
import { PanelHead, PlainPanel } from '../ui/Panel'
import text from '../ui/text.module.css'
import drawing from '../ui/plot/drawing.module.css'
import { numberText, type Distribution } from './result'
import { linear, ticks } from '../ui/plot/scale'
import series from '../ui/plot/series.module.css'
import styles from './TrialHistogram.module.css'
import { useWidth } from '../ui/plot/useWidth'

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
    <PlainPanel aria-label="All trials">
      <PanelHead>
        <h3>All trials</h3>
        <span className={text.aside}>Sharpe ratio, a year</span>
      </PanelHead>
      <div ref={box} className={styles.histogram}>
        <svg
          className={drawing.drawing}
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`Histogram of ${trials} Sharpe ratios, median ${spread.median?.toFixed(2)}. ${sentence(best, luck)}`}
        >
          {ticks(x.from, x.to, width / 70).map((value) => (
            <g key={value} className={classes(drawing.tick, value === 0 && drawing.origin)}>
              <line x1={x(value)} x2={x(value)} y1={TOP} y2={HEIGHT - FOOT} />
              <text x={x(value)} y={HEIGHT - 7} textAnchor="middle">
                {numberText(value)}
              </text>
            </g>
          ))}
          {spread.counts.map((count, bin) => {
            const [from, to] = [x(spread.edges[bin]!), x(spread.edges[bin + 1]!)]
            return (
              <rect
                key={bin}
                className={styles.bar}
                x={from + 0.5}
                width={Math.max(to - from - 1, 1)}
                y={y(count)}
                height={HEIGHT - FOOT - y(count)}
              />
            )
          })}
          {luck !== null && (
            <Mark
              at={x(luck)}
              label={`luck ${luck.toFixed(2)}`}
              right={!bestRight}
              tone={series.luck}
              dashed
              width={width}
            />
          )}
          {best !== null && (
            <Mark
              at={x(best)}
              label={`best ${best.toFixed(2)}`}
              right={bestRight}
              tone={behind ? series.behind : series.own}
              width={width}
            />
          )}
        </svg>
      </div>
      <p className={drawing.readout}>{sentence(best, luck)}</p>
    </PlainPanel>
  )
}

function sentence(best: number | null, luck: number | null): string {
  if (best === null || luck === null) return ''
  const bestOfLuck = `the best of as many worthless trials would show about ${numberText(Number(luck.toFixed(2)))}`
  return best < luck ? `Luck explains it: ${bestOfLuck}.` : `Beyond luck alone: ${bestOfLuck}.`
}

function Mark({
  at,
  label,
  right,
  tone,
  dashed = false,
  width,
}: {
  at: number
  label: string
  right: boolean
  tone: string | undefined
  dashed?: boolean
  width: number
}) {
  const flip = right ? at > width - 70 : at < 70
  const side = right !== flip ? 1 : -1
  const high = right ? 10 : 24
  return (
    <g className={classes(styles.mark, dashed && styles.dashed, tone)}>
      <line x1={at} x2={at} y1={high - 6} y2={HEIGHT - FOOT} />
      <text x={at + side * 6} y={high + 4} textAnchor={side > 0 ? 'start' : 'end'}>
        {label}
      </text>
    </g>
  )
}
