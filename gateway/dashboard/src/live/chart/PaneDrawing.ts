// What every drawing on the chart shares: where it is attached, and what is in sight of it.

import type {
  AutoscaleInfo,
  IPrimitivePaneView,
  ISeriesPrimitive,
  SeriesAttachedParameter,
  Time,
} from 'lightweight-charts'

export abstract class PaneDrawing implements ISeriesPrimitive<Time> {
  protected parameters: SeriesAttachedParameter<Time> | null = null
  protected abstract readonly views: readonly IPrimitivePaneView[]

  attached(parameters: SeriesAttachedParameter<Time>): void {
    this.parameters = parameters
  }

  detached(): void {
    this.parameters = null
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return this.views
  }
}

/** The scale that holds some prices; null without any. */
export function scaleOf(prices: readonly number[]): AutoscaleInfo | null {
  if (prices.length === 0) return null
  return { priceRange: { minValue: Math.min(...prices), maxValue: Math.max(...prices) } }
}
