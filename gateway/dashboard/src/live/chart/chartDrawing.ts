// The chart as the library draws it: its series, its colours, and the data that is handed to them.

import {
  type CandlestickData,
  CandlestickSeries,
  type ChartOptions,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  type DeepPartial,
  type HistogramData,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type Time,
  type UTCTimestamp,
} from 'lightweight-charts'

import type { Bar, RegimeProbabilities } from '../../contract'
import { faded } from '../../lib/colour'
import { sizeText } from '../../lib/format'
import { colour } from '../../lib/theme'
import { seconds } from './barPlaces'
import { AHEAD_BARS } from './chartMoves'
import { LevelDrawing } from './LevelDrawing'
import { PlanDrawing } from './PlanDrawing'
import { RegimeArea, RegimeBand, type RegimeColours, type RegimePoint } from './regimeSeries'
import { TradeDrawing } from './TradeDrawing'

const PANE_SHARES = [4, 0.9, 1.1] // prices, volume, regimes

/** Candles with the regime band under them. */
export interface CandleDrawing {
  chart: IChartApi
  candles: ISeriesApi<'Candlestick'>
  band: ISeriesApi<'Custom'>
}

export interface ChartDrawing extends CandleDrawing {
  volume: ISeriesApi<'Histogram'>
  area: ISeriesApi<'Custom'>
  markers: ISeriesMarkersPluginApi<Time>
  plan: PlanDrawing
  trades: TradeDrawing
  levels: LevelDrawing
}

/** Candles alone, that stand still: whoever draws them says which bars are in sight. */
export function drawStill(element: HTMLElement): CandleDrawing {
  const drawing = drawCandles(element, {
    crosshair: { mode: CrosshairMode.Hidden },
    timeScale: { visible: false, minBarSpacing: 1 },
    rightPriceScale: { minimumWidth: 64, entireTextOnly: true },
    handleScroll: false,
    handleScale: false,
  })
  drawing.candles.applyOptions({ priceLineVisible: false }) // the lines across are levels
  drawing.candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.1 } })
  paint(drawing)
  return drawing
}

function drawCandles(element: HTMLElement, options: DeepPartial<ChartOptions>): CandleDrawing {
  const chart = createChart(element, {
    autoSize: true,
    // The logo brings an inline style, which the page's policy refuses; the page's foot names it.
    layout: { attributionLogo: false, panes: { enableResize: false }, fontSize: 11 },
    ...options,
  })
  const candles = chart.addSeries(CandlestickSeries, { priceLineStyle: 1 })
  const band = chart.addCustomSeries(new RegimeBand(), {
    priceScaleId: 'band',
    lastValueVisible: false,
    priceLineVisible: false,
  }) as ISeriesApi<'Custom'>
  return { chart, candles, band }
}

export function draw(element: HTMLElement): ChartDrawing {
  const { chart, candles, band } = drawCandles(element, {
    crosshair: { mode: CrosshairMode.Normal },
    timeScale: { timeVisible: true, secondsVisible: false, rightOffset: AHEAD_BARS, minBarSpacing: 0.25 },
    rightPriceScale: { minimumWidth: 72 },
    kineticScroll: { mouse: false, touch: true },
    handleScroll: { vertTouchDrag: false },
  })
  const volume = chart.addSeries(
    HistogramSeries,
    {
      lastValueVisible: false,
      priceLineVisible: false,
      priceFormat: { type: 'custom', formatter: sizeText, minMove: 1e-6 },
    },
    1,
  )
  const area = chart.addCustomSeries(
    new RegimeArea(),
    {
      lastValueVisible: false,
      priceLineVisible: false,
      priceFormat: { type: 'custom', formatter: (p: number) => `${Math.round(p * 100)}%`, minMove: 0.01 },
      autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 1 } }),
    },
    2,
  ) as ISeriesApi<'Custom'>
  candles.priceScale().applyOptions({ scaleMargins: { top: 0.14, bottom: 0.1 } })
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.12, bottom: 0 }, entireTextOnly: true })
  area.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.04 }, entireTextOnly: true })
  chart.panes().forEach((pane, place) => pane.setStretchFactor(PANE_SHARES[place]!))
  const plan = new PlanDrawing()
  const trades = new TradeDrawing()
  candles.attachPrimitive(plan)
  candles.attachPrimitive(trades)
  const levels = new LevelDrawing()
  candles.attachPrimitive(levels)
  const drawing = {
    chart,
    candles,
    band,
    volume,
    area,
    markers: createSeriesMarkers(candles, []),
    plan,
    trades,
    levels,
  }
  paint(drawing)
  return drawing
}

export function paint(drawing: CandleDrawing | ChartDrawing | null): void {
  if (drawing === null) return
  const [up, down, flat] = [colour('up'), colour('down'), colour('flat')]
  const line = colour('line')
  drawing.chart.applyOptions({
    layout: {
      background: { color: 'transparent' },
      textColor: colour('text-2'),
      fontFamily: getComputedStyle(document.body).fontFamily,
      panes: { separatorColor: line },
    },
    grid: { vertLines: { color: faded(line, 0.55) }, horzLines: { color: faded(line, 0.55) } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line },
    crosshair: {
      vertLine: { color: colour('text-3'), labelBackgroundColor: colour('text-3') },
      horzLine: { color: colour('text-3'), labelBackgroundColor: colour('text-3') },
    },
  })
  // Rising bars are hollow, falling ones full: the difference does not rest on colour.
  drawing.candles.applyOptions({
    upColor: colour('panel'),
    borderUpColor: up,
    wickUpColor: up,
    downColor: down,
    borderDownColor: down,
    wickDownColor: down,
    priceLineColor: colour('text-3'),
  })
  const colours: Partial<RegimeColours> = { bull: up, bear: down, sideways: flat, entropy: colour('text') }
  drawing.band.applyOptions(colours)
  if ('area' in drawing) drawing.area.applyOptions(colours)
}

/** Only what is new is handed over, so that a bar close costs one bar; another market costs all. */
export function setPoints<T>(
  series: ISeriesApi<'Candlestick'> | ISeriesApi<'Histogram'> | ISeriesApi<'Custom'>,
  before: readonly T[],
  now: readonly T[],
  point: (item: T) => Point,
): void {
  const same = Math.max(before.length - 1, 0)
  const goesOn = same > 0 && before[0] === now[0] && before[same - 1] === now[same - 1]
  if (goesOn && series.data().length === before.length) now.slice(same).forEach((item) => series.update(point(item)))
  else series.setData(now.map(point))
}

type Point = CandlestickData<UTCTimestamp> | HistogramData<UTCTimestamp> | (RegimePoint & { time: UTCTimestamp })

export function candle({ event_time_ms, open, high, low, close }: Bar): CandlestickData<UTCTimestamp> {
  return { time: seconds(event_time_ms), open, high, low, close }
}

export function volumePoint({ event_time_ms, open, close, volume }: Bar): HistogramData<UTCTimestamp> {
  return { time: seconds(event_time_ms), value: volume, color: faded(colour(close < open ? 'down' : 'up'), 0.6) }
}

export function regimePoint(regime: RegimeProbabilities): RegimePoint & { time: UTCTimestamp } {
  const { bull, sideways, bear, entropy } = regime
  return { time: seconds(regime.event_time_ms), bull, sideways, bear, entropy }
}
