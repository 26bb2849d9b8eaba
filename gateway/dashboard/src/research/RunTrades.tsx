// The trades of a back-test on the candles of its market.

import { useMemo } from 'react'

import { MarketChart } from '../live/chart/MarketChart'
import { useTimeframes } from '../live/timeframes'
import text from '../ui/text.module.css'
import type { PerformanceResult } from './result'
import { chartTradesOf } from './runTrade'

export function RunTrades({ result: { job_id: jobId, market, trades } }: { result: PerformanceResult }) {
  const { all } = useTimeframes()
  const rows = trades?.rows
  const drawn = useMemo(() => chartTradesOf(rows ?? []), [rows])
  const timeframe = all.find(({ name }) => name === market.timeframe)
  if (drawn.length === 0) return null
  if (timeframe === undefined)
    return (
      <p className={text.footNote}>
        Its trades have no candles here: timeframe {market.timeframe} does not run,{' '}
        {all.map(({ name }) => name).join(', ')} do.
      </p>
    )
  return <MarketChart key={jobId} symbol={market.symbol} timeframe={timeframe} trades={drawn} />
}
