// Calibration: how often each confidence came true.

import type { ReliabilityBin } from '../contract'
import { classes } from '../lib/classes'
import { percent } from '../lib/format'
import { FEW_OUTCOMES } from './HitRates'
import styles from './Reliability.module.css'

const SIDE = 148
const EDGE = 26

export function Reliability({ bins }: { bins: ReliabilityBin[] }) {
  const x = (share: number) => EDGE + share * (SIDE - EDGE - 10)
  const y = (share: number) => SIDE - EDGE - share * (SIDE - EDGE - 6)
  const known = bins.reduce((sum, bin) => sum + bin.known, 0)
  const summary = bins
    .map((bin) => `${percent(bin.mean_confidence)} confidence came true ${percent(bin.hit_rate)} of ${bin.known}`)
    .join('; ')
  return (
    <figure className={styles.reliability}>
      <svg viewBox={`0 0 ${SIDE} ${SIDE}`} role="img" aria-label={`Calibration of ${known} signals: ${summary}`}>
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line className={styles.grid} x1={x(0)} x2={x(1)} y1={y(share)} y2={y(share)} />
            <line className={styles.grid} x1={x(share)} x2={x(share)} y1={y(0)} y2={y(1)} />
            <text x={x(share)} y={SIDE - EDGE + 12} textAnchor="middle">
              {share * 100}
            </text>
            <text x={EDGE - 5} y={y(share) + 3} textAnchor="end">
              {share * 100}
            </text>
          </g>
        ))}
        <line className={styles.diagonal} x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} />
        {bins.map((bin) => (
          <g
            key={`${bin.directional}${bin.mean_confidence}`}
            className={classes(
              bin.directional ? styles.directional : styles.neutral,
              bin.known < FEW_OUTCOMES && styles.few,
            )}
          >
            {bin.hit_rate_low !== null && bin.hit_rate_high !== null && (
              <line
                x1={x(bin.mean_confidence)}
                x2={x(bin.mean_confidence)}
                y1={y(bin.hit_rate_low)}
                y2={y(bin.hit_rate_high)}
              />
            )}
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
