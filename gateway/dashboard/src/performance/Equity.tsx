// Sums of net returns over time, of equal stakes: ideas, and what the human did.

import type { EquityCurves } from '../contract'
import { signedPercent } from '../lib/format'
import { EmptyState } from '../ui/EmptyState'
import { Legend } from '../ui/Legend'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { LinePlot } from '../ui/plot/LinePlot'
import type { Line } from '../ui/plot/plotLayout'
import series from '../ui/plot/series.module.css'

export function Equity({ curves }: { curves: EquityCurves }) {
  const lines = [lineOf('ideas', series.own, curves.ideas), lineOf('journal', series.pin3, curves.journal)]
  const drawn = lines.filter(({ time }) => time.length > 1)
  return (
    <PlainPanel aria-label="Equity">
      <PanelHead>
        <h3>Equity of equal stakes</h3>
        <Legend wraps>
          {drawn.map(({ name, tone, values }) => (
            <li key={name} className={tone}>
              {name} {signedPercent(values.at(-1))}
            </li>
          ))}
        </Legend>
      </PanelHead>
      {drawn.length === 0 ? (
        <EmptyState title="A curve needs two results of ideas or the journal" />
      ) : (
        <LinePlot
          label="Sum of net returns over time"
          height={280}
          panes={[{ name: 'Sum', share: 1, origin: 0, text: (value) => signedPercent(value, 1), lines: drawn }]}
        />
      )}
    </PlainPanel>
  )
}

function lineOf(name: string, tone: string | undefined, points: EquityCurves['ideas']): Line {
  return { name, tone, time: points.map(([ms]) => ms), values: points.map(([, value]) => value) }
}
