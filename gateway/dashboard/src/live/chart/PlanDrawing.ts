// Draws the plan of the chosen signal on the chart.

import type { AutoscaleInfo, IPrimitivePaneRenderer, IPrimitivePaneView, Logical } from 'lightweight-charts'

import { faded } from '../../lib/colour'
import { PaneDrawing, scaleOf } from './PaneDrawing'
import type { Plan } from './plan'

type Target = Parameters<IPrimitivePaneRenderer['draw']>[0]

export interface PlanColours {
  aim: string
  wrong: string
  text: string
  back: string
  hit: string
  miss: string
  font: string
}

export class PlanDrawing extends PaneDrawing {
  private shown: { plan: Plan; colours: PlanColours } | null = null
  protected readonly views: readonly IPrimitivePaneView[] = [
    { zOrder: () => 'bottom', renderer: () => ({ draw: (target) => this.draw(target, zones) }) },
    { zOrder: () => 'top', renderer: () => ({ draw: (target) => this.draw(target, marks) }) },
  ]

  show(plan: Plan | null, colours: PlanColours): void {
    this.shown = plan && { plan, colours }
    this.parameters?.requestUpdate()
  }

  autoscaleInfo(start: Logical, end: Logical): AutoscaleInfo | null {
    const plan = this.shown?.plan
    if (plan === undefined || plan.to < start || plan.from > end) return null
    return scaleOf([plan.reference, ...plan.levels.map((level) => level.price)])
  }

  private draw(target: Target, paint: (scene: Scene) => void): void {
    const { parameters, shown } = this
    if (parameters === null || shown === null) return
    const scale = parameters.chart.timeScale()
    target.useMediaCoordinateSpace(({ context, mediaSize }) =>
      paint({
        ...shown,
        context,
        width: mediaSize.width,
        x: (place) => scale.logicalToCoordinate(place as Logical) ?? 0,
        y: (price) => parameters.series.priceToCoordinate(price) ?? 0,
      }),
    )
  }
}

interface Scene {
  plan: Plan
  colours: PlanColours
  context: CanvasRenderingContext2D
  width: number
  x: (place: number) => number
  y: (price: number) => number
}

function zones({ plan, colours, context, x, y }: Scene): void {
  const [left, right] = [x(plan.from), x(plan.to)]
  for (const level of plan.levels) {
    const [reference, edge] = [y(plan.reference), y(level.price)]
    context.fillStyle = faded(level.wrong ? colours.wrong : colours.aim, level.wrong ? 0.13 : 0.16)
    context.fillRect(left, Math.min(reference, edge), right - left, Math.abs(edge - reference))
  }
}

function marks(scene: Scene): void {
  const { plan, colours, context, x, y } = scene
  const [left, right] = [x(plan.from), x(plan.to)]
  const level = (price: number, colour: string, dashes: number[]) => {
    context.beginPath()
    context.setLineDash(dashes)
    context.moveTo(left, y(price))
    context.lineTo(right, y(price))
    context.strokeStyle = colour
    context.lineWidth = 1
    context.stroke()
    context.setLineDash([])
  }
  level(plan.reference, colours.text, [])
  for (const { price, wrong } of plan.levels) level(price, wrong ? colours.wrong : colours.aim, [4, 3])
  if (plan.outcome) outcome(plan.outcome, scene)
  context.font = `600 11px ${colours.font}`
  context.textBaseline = 'middle'
  for (const { price, text, wrong } of plan.levels) {
    const below = price < plan.reference
    const width = context.measureText(text).width + 8
    const start = Math.min(left + 8, scene.width - width)
    const top = y(price) + (below ? 4 : -20)
    context.fillStyle = faded(colours.back, 0.85)
    context.fillRect(start, top, width, 16)
    context.fillStyle = wrong ? colours.wrong : colours.aim
    context.fillText(text, start + 4, top + 8.5)
  }
}

function outcome(ended: NonNullable<Plan['outcome']>, { plan, colours, context, x, y }: Scene): void {
  const colour = ended.hit ? colours.hit : colours.miss
  const [toX, toY] = [x(plan.to), y(ended.exit)]
  context.beginPath()
  context.moveTo(x(plan.from + 1), y(ended.entry))
  context.lineTo(toX, toY)
  context.strokeStyle = colour
  context.lineWidth = 1.5
  context.stroke()
  context.beginPath()
  context.arc(toX, toY, 7, 0, 2 * Math.PI)
  context.fillStyle = colours.back
  context.fill()
  context.stroke()
  context.fillStyle = colour
  context.font = `700 10px ${colours.font}`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillText(ended.hit ? '✓' : '✕', toX, toY + 0.5)
  context.textAlign = 'start'
}
