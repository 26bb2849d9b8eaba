// Regimes drawn by the chart's own clock: a band under the candles, probabilities in their pane.

import {
  type CustomData,
  type CustomSeriesOptions,
  customSeriesDefaultOptions,
  type CustomSeriesPricePlotValues,
  type CustomSeriesWhitespaceData,
  type ICustomSeriesPaneRenderer,
  type ICustomSeriesPaneView,
  type PaneRendererCustomData,
  type PriceToCoordinateConverter,
  type Time,
} from 'lightweight-charts'

import { faded } from '../../lib/colour'
import { likeliest } from '../../lib/regime'

type Target = Parameters<ICustomSeriesPaneRenderer['draw']>[0]

export interface RegimePoint extends CustomData<Time> {
  bull: number
  sideways: number
  bear: number
  /** 0: one regime is certain; 1: nothing is known. */
  entropy: number
}

export interface RegimeColours extends CustomSeriesOptions {
  bull: string
  sideways: string
  bear: string
  entropy: string
}

type Drawing = PaneRendererCustomData<Time, RegimePoint>
type Column = { x: number; point: RegimePoint }

abstract class RegimeView implements ICustomSeriesPaneView<Time, RegimePoint, RegimeColours> {
  private drawing: Drawing | null = null
  protected colours: RegimeColours = this.defaultOptions()

  renderer(): ICustomSeriesPaneRenderer {
    return { draw: (target, toY) => this.draw(target, toY) }
  }

  update(drawing: Drawing, colours: RegimeColours): void {
    this.drawing = drawing
    this.colours = colours
  }

  abstract priceValueBuilder(point: RegimePoint): CustomSeriesPricePlotValues

  isWhitespace(point: RegimePoint | CustomSeriesWhitespaceData<Time>): point is CustomSeriesWhitespaceData<Time> {
    return !('bull' in point)
  }

  defaultOptions(): RegimeColours {
    return { ...customSeriesDefaultOptions, bull: '#888', sideways: '#888', bear: '#888', entropy: '#888' }
  }

  private draw(target: Target, toY: PriceToCoordinateConverter): void {
    const { drawing } = this
    if (drawing?.visibleRange == null) return
    const { from, to } = drawing.visibleRange
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const columns = drawing.bars.slice(from, to).map((bar) => ({ x: bar.x, point: bar.originalData }))
      if (columns.length) this.paint(context, columns, drawing.barSpacing, mediaSize.height, toY)
    })
  }

  protected abstract paint(
    context: CanvasRenderingContext2D,
    columns: Column[],
    spacing: number,
    height: number,
    toY: PriceToCoordinateConverter,
  ): void
}

const BAND_PX = 9

/** The most probable regime of each bar; the surer it is, the stronger its colour. */
export class RegimeBand extends RegimeView {
  override priceValueBuilder(): CustomSeriesPricePlotValues {
    return [0]
  }

  protected override paint(
    context: CanvasRenderingContext2D,
    columns: Column[],
    spacing: number,
    height: number,
  ): void {
    for (const { x, point } of columns) {
      context.fillStyle = faded(this.colours[likeliest(point)], 0.25 + 0.75 * (1 - point.entropy))
      context.fillRect(x - spacing / 2, height - BAND_PX, spacing + 0.5, BAND_PX)
    }
  }
}

/** Bull, sideways and bear stacked to one, and the entropy over them. */
export class RegimeArea extends RegimeView {
  override priceValueBuilder(): CustomSeriesPricePlotValues {
    return [0, 1, 1]
  }

  protected override paint(
    context: CanvasRenderingContext2D,
    columns: Column[],
    _spacing: number,
    _height: number,
    toY: PriceToCoordinateConverter,
  ): void {
    const line = (value: (point: RegimePoint) => number) =>
      columns.map(({ x, point }) => [x, toY(value(point)) ?? 0] as const)
    const lines = [line(() => 0), line((p) => p.bear), line((p) => p.bear + p.sideways), line(() => 1)]
    const fills = [this.colours.bear, this.colours.sideways, this.colours.bull]
    fills.forEach((fill, place) => {
      const lower = lines[place] ?? []
      const upper = lines[place + 1] ?? []
      context.beginPath()
      upper.forEach(([x, y]) => context.lineTo(x, y))
      lower.toReversed().forEach(([x, y]) => context.lineTo(x, y))
      context.fillStyle = faded(fill, place === 1 ? 0.28 : 0.5)
      context.fill()
      if (place === 2) return
      context.beginPath()
      upper.forEach(([x, y]) => context.lineTo(x, y))
      context.strokeStyle = faded(fill, 0.9)
      context.lineWidth = 1
      context.stroke()
    })
    context.beginPath()
    line((p) => p.entropy).forEach(([x, y]) => context.lineTo(x, y))
    context.setLineDash([3, 3])
    context.strokeStyle = this.colours.entropy
    context.lineWidth = 1.25
    context.stroke()
    context.setLineDash([])
  }
}
