// How far the newest bar of a market lies behind.

import type { Health } from '../contract'
import type { Timeframe } from '../lib/timeframe'
import { NO_SERIES, seriesKey } from './fold'
import type { LiveState } from './LiveState'

export const STALE_BARS = 2 // as `schemas/timeframes.py`

/** Age of the newest bar in bars of its timeframe; null while it is fresh, unknown, or the last there will be. */
export function staleBars(
  { health, series }: { health: Health | null; series: LiveState['series'] },
  symbol: string,
  timeframe: Timeframe | null,
): number | null {
  const market = health?.symbols.find((each) => each.symbol === symbol)
  if (market === undefined || market.ended) return null
  if (timeframe === null || timeframe.isBase) return market.stale ? market.age_bars : null
  const newest = (series.get(seriesKey(symbol, timeframe.ms)) ?? NO_SERIES).bars.at(-1)
  if (newest === undefined || health?.clock_ms == null) return null
  const age = (health.clock_ms - newest.event_time_ms) / timeframe.ms
  return age > STALE_BARS ? age : null
}
