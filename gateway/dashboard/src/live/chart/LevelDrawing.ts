// Draws prices that a reader may drag, and tells where they stand.

import type { AutoscaleInfo, IPrimitivePaneView } from 'lightweight-charts'

import { colour } from '../../lib/theme'
import { PaneDrawing, scaleOf } from './PaneDrawing'

/** A price that can be dragged. */
export interface DraftLevel {
  name: string
  price: number
  /** Beside the price, as in `+0.12%`. */
  note: string
  /** Not yet: it is offered, and waits to be dragged. */
  isOffered: boolean
}

export class LevelDrawing extends PaneDrawing {
  private levels: readonly DraftLevel[] = []
  /** What was in sight when a drag began: the scale of prices rests until it ends. */
  private held: AutoscaleInfo | null = null
  private onPlaced: (ys: readonly (number | null)[]) => void = () => undefined
  protected readonly views: readonly IPrimitivePaneView[] = [
    {
      zOrder: () => 'top',
      renderer: () => ({
        draw: (target) =>
          target.useMediaCoordinateSpace(({ context, mediaSize }) => this.draw(context, mediaSize.width)),
      }),
    },
  ]

  /** Show these; `onPlaced` is told the height of each in pixels whenever the chart is drawn. */
  show(levels: readonly DraftLevel[], onPlaced: (ys: readonly (number | null)[]) => void): void {
    this.levels = levels
    this.onPlaced = onPlaced
    this.parameters?.requestUpdate()
  }

  hold(isHeld: boolean): void {
    this.held = isHeld ? this.range() : null
    this.parameters?.requestUpdate()
  }

  autoscaleInfo(): AutoscaleInfo | null {
    return this.held ?? this.range()
  }

  private range(): AutoscaleInfo | null {
    return scaleOf(this.levels.map(({ price }) => price))
  }

  private draw(context: CanvasRenderingContext2D, width: number): void {
    const { parameters } = this
    if (parameters === null) return
    const ys = this.levels.map(({ price }) => parameters.series.priceToCoordinate(price))
    ys.forEach((y, place) => {
      if (y === null) return
      context.beginPath()
      context.setLineDash(this.levels[place]!.isOffered ? [2, 5] : [])
      context.moveTo(0, y)
      context.lineTo(width, y)
      context.strokeStyle = colour('accent')
      context.lineWidth = 1.5
      context.stroke()
      context.setLineDash([])
    })
    this.onPlaced(ys)
  }
}
