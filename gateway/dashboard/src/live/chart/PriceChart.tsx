// Candles with their signals, the regime band under them, regime probabilities below: one clock.

import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  type CandlestickData,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type MouseEventParams,
  type Time,
  type UTCTimestamp,
} from 'lightweight-charts'
import { useEffect, useRef, useState } from 'react'

import type { Bar, RegimeProbabilities, SignalItem } from '../../contract'
import { closeText, dayText, priceDigits, priceText, signedPercent } from '../../lib/format'
import { faded } from '../../lib/colour'
import { colour, type Theme } from '../../lib/theme'
import { markersOf, placeOf, planColours, planOf, seconds } from './signalMarks'
import { PlanDrawing } from './plan'
import { RegimeArea, RegimeBand, type RegimeColours, type RegimePoint } from './regimeSeries'

const BAR_PX = 7 // as wide as a bar should be, at first
const AHEAD_BARS = 6

interface Props {
  bars: readonly Bar[]
  regimes: readonly RegimeProbabilities[]
  signals: readonly SignalItem[]
  chosen: SignalItem | null
  theme: Theme
  onChoose: (signalId: string) => void
}

interface Drawn {
  chart: IChartApi
  candles: ISeriesApi<'Candlestick'>
  band: ISeriesApi<'Custom'>
  area: ISeriesApi<'Custom'>
  markers: ISeriesMarkersPluginApi<Time>
  plan: PlanDrawing
}

export interface Hovered {
  bar: Bar
  regime: RegimeProbabilities | null
}

export function PriceChart({ bars, regimes, signals, chosen, theme, onChoose }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const drawn = useRef<Drawn | null>(null)
  const [hoveredMs, setHoveredMs] = useState<number | null>(null)
  const choose = useRef(onChoose)
  const held = useRef(signals)
  const drawnBars = useRef<readonly Bar[]>([])
  const drawnRegimes = useRef<readonly RegimeProbabilities[]>([])
  choose.current = onChoose
  held.current = signals

  useEffect(() => {
    if (place.current === null) return
    const made = draw(place.current)
    drawn.current = made
    made.chart.subscribeCrosshairMove((at) => setHoveredMs(timeOf(at)))
    made.chart.subscribeClick((at) => {
      const ms = timeOf(at)
      const there = held.current.find((signal) => signal.event_time_ms === ms)
      if (there) choose.current(there.signal_id)
    })
    return () => {
      drawn.current = null
      made.chart.remove()
    }
  }, [])

  useEffect(() => paint(drawn.current), [theme])

  useEffect(() => {
    const { current } = drawn
    if (current === null) return
    const before = current.candles.data()[0]?.time
    const scale = current.chart.timeScale()
    const range = scale.getVisibleLogicalRange()
    hand(current.candles, drawnBars.current, bars, candle)
    drawnBars.current = bars
    // Bars put in before what is shown, or dropped there, must not move it.
    const first = bars[0]
    if (before !== undefined && first !== undefined && range !== null) {
      const moved = (Number(before) * 1_000 - first.event_time_ms) / first.timeframe_ms
      if (moved !== 0) scale.setVisibleLogicalRange({ from: range.from + moved, to: range.to + moved })
    }
    const close = bars.at(-1)?.close
    if (close !== undefined) {
      const formatter = (price: number) => priceText(price, close)
      const minMove = 10 ** -priceDigits(close)
      current.candles.applyOptions({ priceFormat: { type: 'custom', formatter, minMove } })
    }
  }, [bars])

  useEffect(() => {
    const { current } = drawn
    if (current === null) return
    const first = bars[0]?.event_time_ms ?? 0
    const known = regimes.filter((regime) => regime.event_time_ms >= first)
    hand(current.band, drawnRegimes.current, known, regimePoint)
    hand(current.area, drawnRegimes.current, known, regimePoint)
    drawnRegimes.current = known
  }, [regimes, bars])

  useEffect(() => {
    const first = bars[0]?.event_time_ms ?? Infinity
    const last = bars.at(-1)?.event_time_ms ?? 0
    const shown = signals
      .filter((s) => s.event_time_ms >= first && s.event_time_ms <= last)
      .toSorted((a, b) => a.event_time_ms - b.event_time_ms)
    drawn.current?.markers.setMarkers(markersOf(shown, chosen?.signal_id ?? null))
  }, [signals, bars, chosen, theme])

  useEffect(() => {
    drawn.current?.plan.show(chosen && planOf(chosen, bars), planColours(chosen))
  }, [chosen, bars, theme])

  // The view moves when another signal is chosen, never because a bar closed.
  const reaches = chosen !== null && (bars[0]?.event_time_ms ?? Infinity) <= chosen.event_time_ms
  useEffect(() => {
    const scale = drawn.current?.chart.timeScale()
    if (scale === undefined || bars.length === 0) return
    const end = bars.length - 1
    const at = chosen && reaches ? placeOf(chosen.event_time_ms, bars) : end
    const horizon = chosen?.horizon_bars ?? 0
    const count = Math.max(scale.width() / BAR_PX, 30)
    const young = at > end - count / 2
    const to = young ? Math.max(end, at + horizon) + AHEAD_BARS : at + count / 2
    scale.setVisibleLogicalRange({ from: to - count, to })
  }, [chosen?.signal_id, bars[0]?.symbol, reaches])

  const bar = bars.at(hoveredMs === null ? -1 : placeOf(hoveredMs, bars))
  const regime = regimes.findLast((each) => each.event_time_ms === bar?.event_time_ms) ?? null
  return (
    <div className="chart">
      {bar && <Legend bar={bar} regime={regime} />}
      <div className="chart-canvas" ref={place} />
    </div>
  )
}

function Legend({ bar, regime }: Hovered) {
  const change = bar.close / bar.open - 1
  return (
    <p className="chart-legend" aria-hidden="true">
      <span className="muted legend-more">
        {dayText(bar.event_time_ms)} {closeText(bar.event_time_ms)}
      </span>
      {(['open', 'high', 'low', 'close'] as const).map((name) => (
        <span key={name}>
          <i>{name[0]?.toUpperCase()}</i> {priceText(bar[name], bar.close)}
        </span>
      ))}
      <span className={change < 0 ? 'down' : 'up'}>{signedPercent(change)}</span>
      {regime && (
        <span className="legend-more">
          <i>bull</i> {(regime.bull * 100).toFixed(0)} <i>side</i> {(regime.sideways * 100).toFixed(0)}{' '}
          <i>bear</i> {(regime.bear * 100).toFixed(0)} <i>entropy</i> {regime.entropy.toFixed(2)}
        </span>
      )}
    </p>
  )
}

function draw(element: HTMLElement): Drawn {
  const chart = createChart(element, {
    autoSize: true,
    // The logo brings an inline style, which the page's policy refuses; the page's foot names it.
    layout: { attributionLogo: false, panes: { enableResize: false }, fontSize: 11 },
    crosshair: { mode: CrosshairMode.Normal },
    timeScale: { timeVisible: true, secondsVisible: false, rightOffset: AHEAD_BARS, minBarSpacing: 1 },
    rightPriceScale: { minimumWidth: 72 },
    kineticScroll: { mouse: false, touch: true },
    handleScroll: { vertTouchDrag: false },
  })
  const candles = chart.addSeries(CandlestickSeries, { priceLineStyle: 1 })
  const band = chart.addCustomSeries(new RegimeBand(), {
    priceScaleId: 'band',
    lastValueVisible: false,
    priceLineVisible: false,
  }) as ISeriesApi<'Custom'>
  const area = chart.addCustomSeries(
    new RegimeArea(),
    {
      lastValueVisible: false,
      priceLineVisible: false,
      priceFormat: { type: 'custom', formatter: (p: number) => `${Math.round(p * 100)}%`, minMove: 0.01 },
      autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 1 } }),
    },
    1,
  ) as ISeriesApi<'Custom'>
  candles.priceScale().applyOptions({ scaleMargins: { top: 0.14, bottom: 0.1 } })
  area.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.04 } })
  const [main, lower] = chart.panes()
  main?.setStretchFactor(4)
  lower?.setStretchFactor(1.25)
  const plan = new PlanDrawing()
  candles.attachPrimitive(plan)
  const made = { chart, candles, band, area, markers: createSeriesMarkers(candles, []), plan }
  paint(made)
  return made
}

function paint(drawn: Drawn | null): void {
  if (drawn === null) return
  const [up, down, flat] = [colour('up'), colour('down'), colour('flat')]
  const line = colour('line')
  drawn.chart.applyOptions({
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
  drawn.candles.applyOptions({
    upColor: colour('panel'),
    borderUpColor: up,
    wickUpColor: up,
    downColor: down,
    borderDownColor: down,
    wickDownColor: down,
    priceLineColor: colour('text-3'),
  })
  const colours: Partial<RegimeColours> = { bull: up, bear: down, sideways: flat, entropy: colour('text') }
  drawn.band.applyOptions(colours)
  drawn.area.applyOptions(colours)
}

/** Only what is new is handed over, so that a bar close costs one bar; another market costs all. */
function hand<T>(
  series: ISeriesApi<'Candlestick'> | ISeriesApi<'Custom'>,
  before: readonly T[],
  now: readonly T[],
  point: (item: T) => Point,
): void {
  const kept = Math.max(before.length - 1, 0)
  const goesOn = kept > 0 && before[0] === now[0] && before[kept - 1] === now[kept - 1]
  if (goesOn && series.data().length === before.length) now.slice(kept).forEach((item) => series.update(point(item)))
  else series.setData(now.map(point))
}

type Point = CandlestickData<UTCTimestamp> | (RegimePoint & { time: UTCTimestamp })

function candle({ event_time_ms, open, high, low, close }: Bar): CandlestickData<UTCTimestamp> {
  return { time: seconds(event_time_ms), open, high, low, close }
}

function regimePoint(regime: RegimeProbabilities): RegimePoint & { time: UTCTimestamp } {
  const { bull, sideways, bear, entropy } = regime
  return { time: seconds(regime.event_time_ms), bull, sideways, bear, entropy }
}

function timeOf(at: MouseEventParams): number | null {
  return at.time === undefined ? null : Number(at.time) * 1_000
}
