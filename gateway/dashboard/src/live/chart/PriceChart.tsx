// Candles with their signals and trades, the regime band under them, volume and regime probabilities below: one clock.

import type { MouseEventParams } from 'lightweight-charts'
import { useEffect, useEffectEvent, useRef, useState } from 'react'

import type { Bar, RegimeProbabilities, SignalItem } from '../../contract'
import { classes } from '../../lib/classes'
import { closeText, dayText, priceDigits, priceText, signedPercent, sizeText, stampText } from '../../lib/format'
import type { Theme } from '../../lib/theme'
import { placeOf } from './barPlaces'
import { candle, type ChartDrawing, draw, paint, regimePoint, setPoints, volumePoint } from './chartDrawing'
import { AHEAD_BARS, type Move, movedRange } from './chartMoves'
import { type ChartTrade, placedTrades, tradeText } from './chartTrades'
import type { DraftLevel } from './LevelDrawing'
import { LevelHandles } from './LevelHandles'
import { planOf } from './plan'
import styles from './PriceChart.module.css'
import { markersOf, planColours } from './signalMarks'
import { type LogicalRange, rangeAfter } from './visibleRange'

const BAR_PX = 7 // as wide as a bar should be, at first

interface Props {
  bars: readonly Bar[]
  regimes: readonly RegimeProbabilities[]
  signals: readonly SignalItem[]
  chosen: SignalItem | null
  trades: readonly ChartTrade[]
  /** Prices that can be dragged; the first tells how prices are read. */
  levels: readonly DraftLevel[]
  onLevel: (name: string, price: string) => void
  /** The move that was asked for last; each is another object. */
  wished: { move: Move } | null
  theme: Theme
  onChoose: (signalId: string) => void
  onOpen: (trade: ChartTrade) => void
  /** Bars before the first one are looked for. */
  onReach: (firstMs: number) => void
}

interface Hovered {
  ms: number | null
  tradeId: string | null
}

const NOTHING: Hovered = { ms: null, tradeId: null }

export function PriceChart(props: Props) {
  const { bars, regimes, signals, chosen, trades, levels, onLevel, wished, theme, onChoose, onOpen, onReach } = props
  const container = useRef<HTMLDivElement>(null)
  const drawing = useRef<ChartDrawing | null>(null)
  const [hovered, setHovered] = useState(NOTHING)
  const [inSight, setInSight] = useState<LogicalRange | null>(null)
  const isDue = useRef(false)
  const drawnBars = useRef<readonly Bar[]>([])
  const drawnRegimes = useRef<readonly RegimeProbabilities[]>([])
  const choose = useEffectEvent(({ ms, tradeId }: Hovered) => {
    const trade = trades.find(({ id }) => id === tradeId)
    if (trade !== undefined) return onOpen(trade)
    const clicked = signals.find((signal) => signal.event_time_ms === ms)
    if (clicked) onChoose(clicked.signal_id)
  })

  // The view moves when another signal is chosen, or when nothing of what it showed is left.
  const reaches = chosen !== null && (bars[0]?.event_time_ms ?? Infinity) <= chosen.event_time_ms
  const moveToChosen = useEffectEvent(() => {
    const scale = drawing.current?.chart.timeScale()
    if (scale === undefined || bars.length === 0) return
    // A hidden chart, as beside the list of a phone, has no width to fill: it moves once it has.
    isDue.current = scale.width() === 0
    if (isDue.current) return
    const end = bars.length - 1
    const at = chosen && reaches ? placeOf(chosen.event_time_ms, bars) : end
    const horizon = chosen?.horizon_bars ?? 0
    const count = Math.max(scale.width() / BAR_PX, 30)
    const young = at > end - count / 2
    const to = young ? Math.max(end, at + horizon) + AHEAD_BARS : at + count / 2
    scale.setVisibleLogicalRange({ from: to - count, to })
  })
  const sized = useEffectEvent(() => {
    if (isDue.current) moveToChosen()
  })
  const look = useEffectEvent((range: LogicalRange | null) => {
    const first = bars[0]
    if (range === null || first === undefined) return
    if (range.from < -1) onReach(first.event_time_ms)
    const end = bars.length - 1
    const within = (place: number) => Math.min(Math.max(place, 0), end)
    const next = { from: within(Math.ceil(range.from)), to: within(Math.floor(range.to)) }
    setInSight((before) => (before?.from === next.from && before.to === next.to ? before : next))
  })
  const moveAsWished = useEffectEvent(() => {
    const scale = drawing.current?.chart.timeScale()
    const range = scale?.getVisibleLogicalRange()
    if (wished === null || scale === undefined || range == null) return
    if (wished.move === 'home') moveToChosen()
    else scale.setVisibleLogicalRange(movedRange(range, wished.move, bars.length))
  })
  useEffect(() => moveAsWished(), [wished])

  useEffect(() => {
    if (container.current === null) return
    const created = draw(container.current)
    drawing.current = created
    // A canvas does not draw itself again when its font has come.
    void document.fonts.ready.then(() => paint(drawing.current))
    created.chart.subscribeCrosshairMove((at) => setHovered(hoveredAt(at)))
    created.chart.subscribeClick((at) => choose(hoveredAt(at)))
    created.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => look(range))
    created.chart.timeScale().subscribeSizeChange(() => sized())
    return () => {
      drawing.current = null
      created.chart.remove()
    }
  }, [])

  const repaint = useEffectEvent(() => {
    paint(drawing.current)
    drawing.current?.volume.setData(bars.map(volumePoint)) // each of its bars holds its colour
  })
  useEffect(() => repaint(), [theme])

  useEffect(() => {
    const { current } = drawing
    if (current === null) return
    const scale = current.chart.timeScale()
    const range = scale.getVisibleLogicalRange()
    const next = range && rangeAfter(range, drawnBars.current, bars)
    const isLost = range !== null && next === null && drawnBars.current.length > 0
    setPoints(current.candles, drawnBars.current, bars, candle)
    setPoints(current.volume, drawnBars.current, bars, volumePoint)
    drawnBars.current = bars
    if (next !== null) scale.setVisibleLogicalRange(next)
    else if (isLost) moveToChosen()
    const close = bars.at(-1)?.close
    if (close !== undefined) {
      const formatter = (price: number) => priceText(price, close)
      const minMove = 10 ** -priceDigits(close)
      current.candles.applyOptions({ priceFormat: { type: 'custom', formatter, minMove } })
    }
  }, [bars])

  useEffect(() => {
    const { current } = drawing
    if (current === null) return
    const first = bars[0]?.event_time_ms ?? 0
    const known = regimes.filter((regime) => regime.event_time_ms >= first)
    setPoints(current.band, drawnRegimes.current, known, regimePoint)
    setPoints(current.area, drawnRegimes.current, known, regimePoint)
    drawnRegimes.current = known
  }, [regimes, bars])

  useEffect(() => {
    const first = bars[0]?.event_time_ms ?? Infinity
    const last = bars.at(-1)?.event_time_ms ?? 0
    const shown = signals
      .filter((s) => s.event_time_ms >= first && s.event_time_ms <= last)
      .toSorted((a, b) => a.event_time_ms - b.event_time_ms)
    drawing.current?.markers.setMarkers(markersOf(shown, chosen?.signal_id ?? null))
  }, [signals, bars, chosen, theme])

  useEffect(() => {
    drawing.current?.plan.show(chosen && planOf(chosen, bars), planColours(chosen))
  }, [chosen, bars, theme])

  useEffect(() => drawing.current?.trades.show(placedTrades(trades, bars)), [trades, bars, theme])

  const [chosenId, symbol, timeframeMs] = [chosen?.signal_id, bars[0]?.symbol, bars[0]?.timeframe_ms]
  useEffect(() => moveToChosen(), [chosenId, symbol, timeframeMs, reaches])

  const bar = bars.at(hovered.ms === null ? -1 : placeOf(hovered.ms, bars))
  const regime = regimes.findLast((each) => each.event_time_ms === bar?.event_time_ms) ?? null
  const trade = trades.find(({ id }) => id === hovered.tradeId) ?? null
  return (
    <div className={styles.chart}>
      {bar && <Readout bar={bar} regime={regime} trade={trade} />}
      <div
        role="application"
        aria-roledescription="chart"
        aria-label={labelOf(bars, inSight)}
        tabIndex={0}
        data-testid="price-chart"
      >
        <div className={styles.canvas} aria-hidden="true" ref={container} />
      </div>
      {levels.length > 0 && inSight !== null && <LevelHandles drawing={drawing} levels={levels} onLevel={onLevel} />}
    </div>
  )
}

interface Read {
  bar: Bar
  regime: RegimeProbabilities | null
  trade: ChartTrade | null
}

function Readout({ bar, regime, trade }: Read) {
  const change = bar.close / bar.open - 1
  return (
    <p className={styles.readout} aria-hidden="true">
      <span className={classes('muted', styles.more)}>
        {dayText(bar.event_time_ms)} {closeText(bar.event_time_ms)}
      </span>
      {(['open', 'high', 'low', 'close'] as const).map((name) => (
        <span key={name}>
          <i>{name[0]?.toUpperCase()}</i> {priceText(bar[name], bar.close)}
        </span>
      ))}
      <span className={styles.more}>
        <i>V</i> {sizeText(bar.volume)}
      </span>
      <span className={change < 0 ? 'down' : 'up'}>{signedPercent(change)}</span>
      {regime && (
        <span className={styles.more}>
          <i>bull</i> {(regime.bull * 100).toFixed(0)} <i>side</i> {(regime.sideways * 100).toFixed(0)} <i>bear</i>{' '}
          {(regime.bear * 100).toFixed(0)} <i>entropy</i> {regime.entropy.toFixed(2)}
        </span>
      )}
      {trade !== null && <b>{tradeText(trade)}</b>}
    </p>
  )
}

function labelOf(bars: readonly Bar[], inSight: LogicalRange | null): string {
  const [from, to] = [bars[inSight?.from ?? 0], bars[inSight?.to ?? 0]]
  if (inSight === null || from === undefined || to === undefined) return 'Candles'
  return `${from.symbol} candles, ${stampText(from.event_time_ms)} to ${stampText(to.event_time_ms)}`
}

function hoveredAt({ time, hoveredObjectId }: MouseEventParams): Hovered {
  return {
    ms: time === undefined ? null : Number(time) * 1_000,
    tradeId: typeof hoveredObjectId === 'string' ? hoveredObjectId : null,
  }
}
