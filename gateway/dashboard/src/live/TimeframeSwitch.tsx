// Which of the timeframes is shown. Where one runs alone there is nothing to switch.

import type { Timeframe } from '../lib/timeframe'
import { Banner } from '../ui/Banner'
import { Button } from '../ui/Button'
import { Choices } from '../ui/Choices'
import { useTimeframes } from './timeframes'

type OnChoose = (timeframe: Timeframe) => void

export function TimeframeSwitch({ onChoose, className }: { onChoose: OnChoose; className?: string | undefined }) {
  const { all, shown } = useTimeframes()
  if (all.length < 2) return null
  return (
    <Choices accent aria-label="Timeframe" className={className}>
      {all.map((timeframe) => (
        <button
          key={timeframe.name}
          type="button"
          aria-pressed={timeframe.name === shown?.name}
          onClick={() => onChoose(timeframe)}
        >
          {timeframe.name}
        </button>
      ))}
    </Choices>
  )
}

/** An address may name a timeframe that ran once, or never. */
export function UnknownTimeframe({ onChoose }: { onChoose: OnChoose }) {
  const { all, shown, unknown } = useTimeframes()
  if (unknown === null || shown === null) return null
  return (
    <Banner tone="warn" role="status">
      <b>Timeframe {unknown} does not run here.</b>
      <span>
        {new Intl.ListFormat('en').format(all.map(({ name }) => name))} {all.length === 1 ? 'does' : 'do'}; shown is{' '}
        {shown.name}.
      </span>
      <Button onClick={() => onChoose(shown)}>Go on with {shown.name}</Button>
    </Banner>
  )
}
