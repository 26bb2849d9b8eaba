// Reads bars and regimes of a symbol: the newest, and as far back as a chart looks.

import type { BarList, RegimeAnswer } from '../contract'
import { asApiError, ask } from '../lib/api'
import { type Store, update } from '../lib/store'
import { merged, NO_SERIES } from './fold'
import type { LiveState } from './LiveState'

const STRIP_BARS = 90
const CHART_BARS = 720
const MOST_BARS = 5_000 // the gateway keeps no more

export class SeriesReader {
  private readonly reading = new Set<string>()

  constructor(private readonly state: Store<LiveState>) {}

  /** Have bars and regimes of a symbol back to a moment, and at least a chart's worth. */
  async readBack(symbol: string, backToMs: number): Promise<void> {
    if (this.reading.has(symbol)) return
    this.reading.add(symbol)
    for (let more = true; more;) {
      const bars = this.barsOf(symbol)
      const first = bars[0]
      const back = first ? Math.ceil((first.event_time_ms - backToMs) / first.timeframe_ms) : 0
      const count = Math.min(Math.max(CHART_BARS - bars.length, back), MOST_BARS)
      if (count <= 0) break
      more = (await this.read(symbol, count, first?.event_time_ms ?? null)) === count
    }
    this.reading.delete(symbol)
  }

  /** Read what a glance at a market shows. */
  async readStrip(symbol: string): Promise<void> {
    await this.read(symbol, STRIP_BARS, null)
  }

  /** Read the newest again: a chart's worth where a chart was read before. */
  async readNewest(symbol: string): Promise<void> {
    const charted = this.barsOf(symbol).length > 2 * STRIP_BARS
    await this.read(symbol, charted ? CHART_BARS : STRIP_BARS, null)
  }

  /** Read some bars and regimes, the newest or those before a moment; how many there were. */
  private async read(symbol: string, count: number, beforeMs: number | null): Promise<number> {
    const before = beforeMs === null ? '' : `&before_ms=${beforeMs}`
    try {
      const [{ bars }, { history }] = await Promise.all([
        ask<BarList>(`/api/bars/${symbol}?limit=${count}${before}`),
        ask<RegimeAnswer>(`/api/analysis/${symbol}/regime?history=${count}${before}`),
      ])
      const current = this.state.get().series.get(symbol) ?? NO_SERIES
      const end = current.bars.at(-1)?.event_time_ms ?? 0
      // After a long absence the new bars do not reach the old ones. A chart has no holes.
      const apart = beforeMs === null && end < (bars[0]?.event_time_ms ?? 0)
      const base = apart ? NO_SERIES : current
      const series = new Map(this.state.get().series)
      series.set(symbol, { bars: merged(bars, base.bars), regimes: merged(history, base.regimes) })
      update(this.state, { series, seriesError: null })
      return bars.length
    } catch (error) {
      update(this.state, { seriesError: asApiError(error) })
      return 0
    }
  }

  private barsOf(symbol: string) {
    return this.state.get().series.get(symbol)?.bars ?? []
  }
}
