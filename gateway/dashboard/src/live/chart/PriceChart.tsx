// Candles with their signals, the regime band under them, regime probabilities below: one clock.

import type { MouseEventParams } from 'lightweight-charts'
import { useEffect, useEffectEvent, useRef, useState } from 'react'

import type { Bar, RegimeProbabilities, SignalItem } from '../../contract'
import { classes } from '../../lib/classes'
import { closeText, dayText, priceDigits, priceText, signedPercent } from '../../lib/format'
import type { Theme } from '../../lib/theme'
import { placeOf } from './barPlaces'
import { AHEAD_BARS, candle, type ChartDrawing, draw, paint, regimePoint, setPoints } from './chartDrawing'
import { planOf } from './plan'
import styles from './PriceChart.module.css'
import { markersOf, planColours } from './signalMarks'
import { rangeAfter } from './visibleRange'

const BAR_PX = 7 // as wide as a bar should be, at first

interface Props {
  bars: readonly Bar[]
  regimes: readonly RegimeProbabilities[]
  signals: readonly SignalItem[]
  chosen: SignalItem | null
  theme: Theme
  onChoose: (signalId: string) => void
}

interface Hovered {
  bar: Bar
  regime: RegimeProbabilities | null
}

export function PriceChart({ bars, regimes, signals, chosen, theme, onChoose }: Props) {
  const container = useRef<HTMLDivElement>(null)
  const drawing = useRef<ChartDrawing | null>(null)
  const [hoveredMs, setHoveredMs] = useState<number | null>(null)
  const drawnBars = useRef<readonly Bar[]>([])
  const drawnRegimes = useRef<readonly RegimeProbabilities[]>([])
  const chooseAt = useEffectEvent((ms: number | null) => {
    const clicked = signals.find((signal) => signal.event_time_ms === ms)
    if (clicked) onChoose(clicked.signal_id)
  })

  // The view moves when another signal is chosen, or when nothing of what it showed is left.
  const reaches = chosen !== null && (bars[0]?.event_time_ms ?? Infinity) <= chosen.event_time_ms
  const moveToChosen = useEffectEvent(() => {
    const scale = drawing.current?.chart.timeScale()
    if (scale === undefined || bars.length === 0) return
    const end = bars.length - 1
    const at = chosen && reaches ? placeOf(chosen.event_time_ms, bars) : end
    const horizon = chosen?.horizon_bars ?? 0
    const count = Math.max(scale.width() / BAR_PX, 30)
    const young = at > end - count / 2
    const to = young ? Math.max(end, at + horizon) + AHEAD_BARS : at + count / 2
    scale.setVisibleLogicalRange({ from: to - count, to })
  })
  useEffect(() => {
    if (container.current === null) return
    const created = draw(container.current)
    drawing.current = created
    // A canvas does not draw itself again when its font has come.
    void document.fonts.ready.then(() => paint(drawing.current))
    created.chart.subscribeCrosshairMove((at) => setHoveredMs(timeOf(at)))
    created.chart.subscribeClick((at) => chooseAt(timeOf(at)))
    return () => {
      drawing.current = null
      created.chart.remove()
    }
  }, [])

  useEffect(() => paint(drawing.current), [theme])

  useEffect(() => {
    const { current } = drawing
    if (current === null) return
    const scale = current.chart.timeScale()
    const range = scale.getVisibleLogicalRange()
    const next = range && rangeAfter(range, drawnBars.current, bars)
    const isLost = range !== null && next === null && drawnBars.current.length > 0
    setPoints(current.candles, drawnBars.current, bars, candle)
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

  const [chosenId, symbol, timeframeMs] = [chosen?.signal_id, bars[0]?.symbol, bars[0]?.timeframe_ms]
  useEffect(() => moveToChosen(), [chosenId, symbol, timeframeMs, reaches])

  const bar = bars.at(hoveredMs === null ? -1 : placeOf(hoveredMs, bars))
  const regime = regimes.findLast((each) => each.event_time_ms === bar?.event_time_ms) ?? null
  return (
    <div className={styles.chart}>
      {bar && <Readout bar={bar} regime={regime} />}
      <div className={styles.canvas} data-testid="price-chart" ref={container} />
    </div>
  )
}

function Readout({ bar, regime }: Hovered) {
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
      <span className={change < 0 ? 'down' : 'up'}>{signedPercent(change)}</span>
      {regime && (
        <span className={styles.more}>
          <i>bull</i> {(regime.bull * 100).toFixed(0)} <i>side</i> {(regime.sideways * 100).toFixed(0)} <i>bear</i>{' '}
          {(regime.bear * 100).toFixed(0)} <i>entropy</i> {regime.entropy.toFixed(2)}
        </span>
      )}
    </p>
  )
}

function timeOf(at: MouseEventParams): number | null {
  return at.time === undefined ? null : Number(at.time) * 1_000
}
