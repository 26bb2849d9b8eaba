// What the finished trades of the journal have earned, and how many were let pass.

import type { TradePerformance } from '../contract'
import { useDenial } from '../lib/access'
import {
  amountText,
  countedText,
  countText,
  daysText,
  percent,
  ratioText,
  signedDollars,
  signedPercent,
} from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { Button } from '../ui/Button'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { ItemFact, ItemFacts } from '../ui/ItemFacts'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import text from '../ui/text.module.css'

const EVERY_MS = 5_000

export function JournalSummary({ symbol, onNew }: { symbol: string | null; onNew: () => void }) {
  const query = symbol === null ? '' : `?ticker=${encodeURIComponent(symbol)}`
  const { data, error, reload } = useAnswer<TradePerformance>(`/api/trades/performance${query}`, EVERY_MS)
  if (data === null)
    return (
      <PlainPanel aria-label="What it has earned">
        {error === null ? (
          <Skeleton rows={3} label="The journal is being read" />
        ) : (
          <Failure error={error} onRetry={reload} />
        )}
      </PlainPanel>
    )
  const isEmpty = data.trades + data.open + data.skipped + data.missed === 0
  return (
    <PlainPanel aria-label="What it has earned">
      <PanelHead>
        <h2>What the journal has earned</h2>
        <span className={text.aside}>{symbol ?? 'all markets'}</span>
      </PanelHead>
      {isEmpty ? <FirstTrade onNew={onNew} /> : <Figures figures={data} />}
    </PlainPanel>
  )
}

function FirstTrade({ onNew }: { onNew: () => void }) {
  const denied = useDenial('operate')
  return (
    <EmptyState title="Nothing is recorded yet">
      <p>
        Record what you did about a signal: executed, skipped, or missed. Its page has a button that fills the form.
        Once a trade has an exit, what it earned after costs is shown here, beside what you let pass.
      </p>
      <Button disabled={denied !== null} onClick={onNew}>
        Record the first trade
      </Button>
    </EmptyState>
  )
}

function Figures({ figures: f }: { figures: TradePerformance }) {
  const passed = `${countText(f.skipped)} skipped, ${countText(f.missed)} missed`
  return (
    <>
      <ItemFacts>
        <ItemFact name="Finished" value={countText(f.trades)} note={`on ${countedText(f.days, 'day')}`} />
        <ItemFact name="Open" value={countText(f.open)} />
        <ItemFact name="Let pass" value={passed} />
        <ItemFact name="Won" value={percent(f.hit_rate)} note={between(percent, f.hit_rate_low, f.hit_rate_high)} />
        <ItemFact
          name="Net return of a trade"
          value={signedPercent(f.expectancy)}
          note={
            f.expectancy_low === null
              ? 'its bounds need exits on ten whole days, and on a later one'
              : between(signedPercent, f.expectancy_low, f.expectancy_high)
          }
        />
        <ItemFact name="Profit factor" value={ratioText(f.profit_factor)} />
        <ItemFact name="Deepest fall" value={percent(f.max_drawdown, 2)} />
        <ItemFact name="Costs" value={percent(f.cost_share)} note="of the return before costs" />
        <ItemFact name="Held for" value={f.average_hold_ms === null ? '–' : daysText(f.average_hold_ms)} note="mean" />
        <ItemFact
          name="Profit"
          value={signedDollars(f.profit)}
          title={amountText(f.profit)}
          note={`of the ${countText(f.profit_trades)} with a quantity`}
        />
      </ItemFacts>
      <p className={text.footNote}>
        You chose these trades: the figures say how that went, not what a model is worth. Bounds are of 95 %.
        {f.fees_assumed > 0 &&
          ` Of ${countedText(f.fees_assumed, 'trade')} the fees were not said: a taker's are assumed.`}
      </p>
    </>
  )
}

function between(words: (value: number | null) => string, low: number | null, high: number | null): string {
  return low === null ? '' : `${words(low)} to ${words(high)}`
}
