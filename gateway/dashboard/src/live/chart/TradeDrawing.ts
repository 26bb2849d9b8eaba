// Draws trades on the chart: a mark where each was entered and left, a line between, levels while it runs.

import type { AutoscaleInfo, IPrimitivePaneView, IPriceLine, Logical, PrimitiveHoveredItem } from 'lightweight-charts'

import { colour } from '../../lib/theme'
import type { PlacedTrade, TradeKind } from './chartTrades'
import { PaneDrawing, scaleOf } from './PaneDrawing'

const MARK_PX = 5 // half of a mark
const REACH_PX = 9 // how near the pointer has to come
const DASHED = 2

export class TradeDrawing extends PaneDrawing {
  private trades: readonly PlacedTrade[] = []
  private lines: IPriceLine[] = []
  protected readonly views: readonly IPrimitivePaneView[] = [
    {
      zOrder: () => 'top',
      renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace(({ context }) => this.draw(context)) }),
    },
  ]

  /** Show these trades, and no others; again after the theme has changed. */
  show(trades: readonly PlacedTrade[]): void {
    const { parameters } = this
    if (parameters === null) return
    this.trades = trades
    this.lines.forEach((line) => parameters.series.removePriceLine(line))
    this.lines = trades.flatMap((trade) =>
      levelsOf(trade).map(({ price, title, token }) =>
        parameters.series.createPriceLine({
          price,
          title,
          color: colour(token),
          lineStyle: DASHED,
          lineWidth: 1,
          axisLabelVisible: true,
          axisLabelTextColor: colour('panel'),
        }),
      ),
    )
    parameters.requestUpdate()
  }

  /** Levels of what runs stay in sight beside its bars. */
  autoscaleInfo(start: Logical, end: Logical): AutoscaleInfo | null {
    const prices = this.trades
      .filter(({ from, to }) => to >= start && from <= end)
      .flatMap((trade) => [trade.entry.price, ...levelsOf(trade).map(({ price }) => price)])
    return scaleOf(prices)
  }

  hitTest(x: number, y: number): PrimitiveHoveredItem | null {
    const hit = this.trades.findLast((trade) =>
      this.marksOf(trade).some((mark) => Math.hypot(mark.x - x, mark.y - y) <= REACH_PX),
    )
    return hit ? { externalId: hit.id, zOrder: 'top', hitTestPriority: 2, cursorStyle: 'pointer' } : null
  }

  private marksOf({ from, to, entry, exit }: PlacedTrade): { x: number; y: number }[] {
    const fills = [{ at: from, price: entry.price }, ...(exit === null ? [] : [{ at: to, price: exit.price }])]
    const { chart, series } = this.parameters!
    return fills.flatMap(({ at, price }) => {
      const [x, y] = [chart.timeScale().logicalToCoordinate(at as Logical), series.priceToCoordinate(price)]
      return x === null || y === null ? [] : [{ x, y }]
    })
  }

  private draw(context: CanvasRenderingContext2D): void {
    if (this.parameters === null) return
    const back = colour('panel')
    for (const trade of this.trades) {
      const [entry, exit] = this.marksOf(trade)
      if (entry === undefined) continue
      const side = colour(trade.side === 'buy' ? 'up' : 'down')
      const end = trade.netReturn === null ? side : colour(trade.netReturn < 0 ? 'bad' : 'good')
      if (exit !== undefined) {
        context.beginPath()
        context.moveTo(entry.x, entry.y)
        context.lineTo(exit.x, exit.y)
        context.strokeStyle = end
        context.lineWidth = 1.5
        context.stroke()
        mark(context, trade.kind, exit, back, end)
      }
      mark(context, trade.kind, entry, side, back)
    }
  }
}

/** An entry is full, with a rim of the background's colour; an exit is hollow. */
function mark(
  context: CanvasRenderingContext2D,
  kind: TradeKind,
  { x, y }: { x: number; y: number },
  fill: string,
  rim: string,
): void {
  const r = MARK_PX
  context.beginPath()
  if (kind === 'journal') context.rect(x - r + 0.5, y - r + 0.5, 2 * r - 1, 2 * r - 1)
  else if (kind === 'research') context.arc(x, y, r, 0, 2 * Math.PI)
  else {
    context.moveTo(x, y - r - 1)
    context.lineTo(x + r + 1, y)
    context.lineTo(x, y + r + 1)
    context.lineTo(x - r - 1, y)
    context.closePath()
  }
  context.fillStyle = fill
  context.fill()
  context.strokeStyle = rim
  context.lineWidth = 1.5
  context.stroke()
}

/** What is drawn across while a trade runs. */
function levelsOf({ runs, kind, side, entry, target, stop }: PlacedTrade): {
  price: number
  title: string
  token: string
}[] {
  if (!runs) return []
  const name = kind === 'idea' ? 'idea' : 'trade'
  const levels = [
    { price: entry.price, title: name, token: side === 'buy' ? 'up' : 'down' },
    { price: target, title: `${name} target`, token: 'good' },
    { price: stop, title: `${name} wrong`, token: 'bad' },
  ]
  return levels.flatMap(({ price, ...level }) => (price === null ? [] : [{ price, ...level }]))
}
