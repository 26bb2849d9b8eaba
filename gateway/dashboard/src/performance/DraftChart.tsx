// The chart beside the form of a trade: its entry and exit are dragged on it, and stand in the form.

import { useMemo } from 'react'

import type { SignalItem } from '../contract'
import { rescope } from '../lib/address'
import { MarketChart } from '../live/chart/MarketChart'
import { useLive } from '../live/LiveStore'
import { useTimeframes } from '../live/timeframes'
import { TimeframeSwitch } from '../live/TimeframeSwitch'
import { draftLevels } from './draftLevels'
import type { TradeDraft } from './tradeDraft'

/** What a trade is about, as far as the chart shows it. */
export interface Ground {
  timeframeMs: number
  targetPrice: number | null
  /** Its plan is drawn. */
  signal: SignalItem | null
}

interface Props {
  draft: TradeDraft
  ground: Ground | null
  onPrice: (field: 'entry' | 'exit', price: string) => void
}

export function DraftChart({ draft: { symbol, side, entry, exit }, ground, onPrice }: Props) {
  const { all, shown } = useTimeframes()
  const timeframe = all.find(({ ms }) => ms === ground?.timeframeMs) ?? shown
  const last = useLive(({ health }) => health?.symbols.find((each) => each.symbol === symbol)?.last_price ?? null)
  const target = ground?.targetPrice ?? null
  const levels = useMemo(() => draftLevels({ side, entry, exit }, last, target), [side, entry, exit, last, target])
  if (timeframe === null) return null
  return (
    <MarketChart
      key={symbol}
      symbol={symbol}
      timeframe={timeframe}
      chosen={ground?.signal?.symbol === symbol ? ground.signal : null}
      levels={levels}
      onLevel={(name, price) => onPrice(name === 'Entry' ? 'entry' : 'exit', price)}
    >
      {ground === null && <TimeframeSwitch onChoose={(next) => rescope({ timeframe: next })} />}
    </MarketChart>
  )
}
