// Reads bars and regimes of a symbol at a timeframe: the newest, and as far back as a chart looks.

import type { BarList, RegimeAnswer } from '../contract'
import { asApiError, ask } from '../lib/api'
import { type Store, update } from '../lib/store'
import type { Timeframe } from '../lib/timeframe'
import { merged, NO_SERIES, seriesKey } from './fold'
import type { LiveState } from './LiveState'

const STRIP_BARS = 90
const CHART_BARS = 720
const MOST_BARS = 5_000 // the gateway keeps no more

interface Place {
  symbol: string
  timeframe: Timeframe
}

export class SeriesReader {
  /** How far back is wanted of what is being read; a chart may look further meanwhile. */
  private readonly wanted = new Map<string, number>()
  /** What has been read, and is read again after something was missed. */
  private readonly places = new Map<string, Place>()

  constructor(private readonly state: Store<LiveState>) {}

  /** Have bars and regimes back to a moment, and at least a chart's worth. */
  async readBack(symbol: string, timeframe: Timeframe, backToMs: number): Promise<void> {
    const place = { symbol, timeframe }
    const key = keyOf(place)
    const before = this.wanted.get(key)
    this.wanted.set(key, Math.min(backToMs, before ?? Infinity))
    if (before !== undefined) return
    for (let more = true; more;) {
      const bars = this.barsAt(place)
      const first = bars[0]
      const back = first ? Math.ceil((first.event_time_ms - this.wanted.get(key)!) / first.timeframe_ms) : 0
      const count = Math.min(Math.max(CHART_BARS - bars.length, back), MOST_BARS)
      if (count <= 0) break
      more = (await this.read(place, count, first?.event_time_ms ?? null)) === count
    }
    this.wanted.delete(key)
  }

  /** Read what a glance at a market shows, once. */
  async readStrip(symbol: string, timeframe: Timeframe): Promise<void> {
    const place = { symbol, timeframe }
    if (!this.places.has(keyOf(place))) await this.read(place, STRIP_BARS, null)
  }

  /** Read the newest of everything again: a chart's worth where a chart was read before. */
  async readNewest(): Promise<void> {
    for (const place of this.places.values()) {
      const charted = this.barsAt(place).length > 2 * STRIP_BARS
      await this.read(place, charted ? CHART_BARS : STRIP_BARS, null)
    }
  }

  /** Read some bars and regimes, the newest or those before a moment; how many there were. */
  private async read(place: Place, count: number, beforeMs: number | null): Promise<number> {
    const { symbol, timeframe } = place
    const key = keyOf(place)
    this.places.set(key, place)
    const rest =
      (timeframe.isBase ? '' : `&timeframe=${timeframe.name}`) + (beforeMs === null ? '' : `&before_ms=${beforeMs}`)
    try {
      const [{ bars }, { history }] = await Promise.all([
        ask<BarList>(`/api/bars/${symbol}?limit=${count}${rest}`),
        ask<RegimeAnswer>(`/api/analysis/${symbol}/regime?history=${count}${rest}`),
      ])
      const current = this.state.get().series.get(key) ?? NO_SERIES
      const end = current.bars.at(-1)?.event_time_ms ?? 0
      // After a long absence the new bars do not reach the old ones. A chart has no holes.
      const apart = beforeMs === null && end < (bars[0]?.event_time_ms ?? 0)
      const base = apart ? NO_SERIES : current
      const series = new Map(this.state.get().series)
      series.set(key, { bars: merged(bars, base.bars), regimes: merged(history, base.regimes) })
      update(this.state, { series, seriesError: null })
      return bars.length
    } catch (error) {
      update(this.state, { seriesError: asApiError(error) })
      return 0
    }
  }

  private barsAt(place: Place) {
    return this.state.get().series.get(keyOf(place))?.bars ?? []
  }
}

function keyOf({ symbol, timeframe }: Place): string {
  return seriesKey(symbol, timeframe.ms)
}
