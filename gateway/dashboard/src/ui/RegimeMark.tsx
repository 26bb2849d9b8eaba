// The regime of a market: the likeliest as a chip, all three as shares.

import { classes } from '../lib/classes'
import { percent } from '../lib/format'
import { likeliest, type RegimeShares } from '../lib/regime'
import chip from './chip.module.css'
import { Shares } from './Shares'

const REGIMES = {
  bull: { arrow: '↗', word: 'Bull', tone: 'up' },
  sideways: { arrow: '→', word: 'Side', tone: 'flat' },
  bear: { arrow: '↘', word: 'Bear', tone: 'down' },
} as const

export function RegimeChip({ regime }: { regime: RegimeShares }) {
  const name = likeliest(regime)
  const { arrow, word, tone } = REGIMES[name]
  return (
    <span className={classes(chip.chip, tone)}>
      <span aria-hidden="true">{arrow}</span> {word} {percent(regime[name])}
    </span>
  )
}

interface BarProps {
  regime: RegimeShares
  label?: string
  className?: string | undefined
}

export function RegimeBar({ regime, label, className }: BarProps) {
  const { bull, sideways, bear } = regime
  const parts = (['bear', 'sideways', 'bull'] as const).map((name) => ({
    share: regime[name],
    tone: REGIMES[name].tone,
  }))
  const sentence = `Regime: bull ${percent(bull)}, sideways ${percent(sideways)}, bear ${percent(bear)}`
  return <Shares parts={parts} label={label ?? sentence} className={className} />
}
