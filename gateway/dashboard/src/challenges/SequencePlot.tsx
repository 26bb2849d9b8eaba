// How the interval of the gain has shrunk: it decides once it leaves 0 out.

import type { ChallengeDetails } from '../contract'
import { countText } from '../lib/format'
import { EmptyState } from '../ui/EmptyState'
import { Legend } from '../ui/Legend'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { LinePlot } from '../ui/plot/LinePlot'
import series from '../ui/plot/series.module.css'
import { Term } from '../ui/Term'
import { gainText } from './words'

export function SequencePlot({ challenge: { points, basis, sequence } }: { challenge: ChallengeDetails }) {
  const known = points.flatMap(({ time, gain, low, high }) =>
    gain === null || low === null || high === null ? [] : [{ ms: Date.parse(time), gain, low, high }],
  )
  const time = known.map(({ ms }) => ms)
  return (
    <PlainPanel aria-label="The interval">
      <PanelHead>
        <h3>
          <Term word="Gain of the challenger" />
        </h3>
        <Legend wraps>
          <li className={series.own}>gain</li>
          <li className={series.hold}>bounds</li>
        </Legend>
      </PanelHead>
      {known.length < 2 ? (
        <EmptyState
          title={`The interval comes after ten ${basis === 'trades' ? 'trades of each' : 'blocks of outcomes'}`}
        >
          <p>
            So far: {countText(sequence.blocks)}
            {basis === 'trades' ? ' of both that do not overlap' : ''}.
          </p>
        </EmptyState>
      ) : (
        <LinePlot
          label="Gain of the challenger with its bounds over market time"
          height={260}
          panes={[
            {
              name: 'Gain',
              share: 1,
              origin: 0,
              text: (value) => gainText(value, basis),
              lines: [
                { name: 'high', tone: series.hold, thin: true, time, values: known.map(({ high }) => high) },
                { name: 'gain', tone: series.own, time, values: known.map(({ gain }) => gain) },
                { name: 'low', tone: series.hold, thin: true, time, values: known.map(({ low }) => low) },
              ],
            },
          ]}
        />
      )}
    </PlainPanel>
  )
}
