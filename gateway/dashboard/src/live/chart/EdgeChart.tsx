// A small chart whose right edge is a moment that it shares with others, whatever the length of its bars.

import { LineStyle } from 'lightweight-charts'
import { useEffect, useEffectEvent, useRef, useState } from 'react'

import type { Bar, RegimeProbabilities } from '../../contract'
import { priceDigits, priceText } from '../../lib/format'
import { colour, type Theme } from '../../lib/theme'
import { type CandleDrawing, candle, drawStill, paint, regimePoint, setPoints } from './chartDrawing'
import styles from './EdgeChart.module.css'
import { EDGE_PX, edgeRange } from './edgeRange'

/** A price to which the market came back, drawn across. */
export interface Level {
  price: number
  isNear: boolean
}

interface Props {
  bars: readonly Bar[]
  regimes: readonly RegimeProbabilities[]
  levels: readonly Level[]
  /** The moment at the right edge. */
  edgeMs: number
  theme: Theme
  /** What is seen, for who cannot see it. */
  label: string
  /** How a moment is written under the chart. */
  momentText: (ms: number) => string
}

export function EdgeChart({ bars, regimes, levels, edgeMs, theme, label, momentText }: Props) {
  const container = useRef<HTMLDivElement>(null)
  const drawing = useRef<CandleDrawing | null>(null)
  const drawnBars = useRef<readonly Bar[]>([])
  const drawnRegimes = useRef<readonly RegimeProbabilities[]>([])
  const [width, setWidth] = useState(0)
  const measure = useEffectEvent(() => setWidth(drawing.current?.chart.paneSize().width ?? 0))

  useEffect(() => {
    if (container.current === null) return
    const created = drawStill(container.current)
    drawing.current = created
    void document.fonts.ready.then(() => paint(drawing.current))
    const observer = new ResizeObserver(() => requestAnimationFrame(measure))
    observer.observe(container.current)
    return () => {
      observer.disconnect()
      drawing.current = null
      drawnBars.current = drawnRegimes.current = []
      created.chart.remove()
    }
  }, [])

  useEffect(() => paint(drawing.current), [theme])

  useEffect(() => {
    const { current } = drawing
    const close = bars.at(-1)?.close
    if (current === null || close === undefined) return
    const known = regimes.filter((regime) => regime.event_time_ms >= bars[0]!.event_time_ms)
    setPoints(current.candles, drawnBars.current, bars, candle)
    setPoints(current.band, drawnRegimes.current, known, regimePoint)
    drawnBars.current = bars
    drawnRegimes.current = known
    const formatter = (price: number) => priceText(price, close)
    const minMove = 10 ** -priceDigits(close)
    current.candles.applyOptions({ priceFormat: { type: 'custom', formatter, minMove } })
    // The scale of prices is as wide as its longest one.
    const frame = requestAnimationFrame(measure)
    return () => cancelAnimationFrame(frame)
  }, [bars, regimes])

  const range = edgeRange(bars, edgeMs, width)
  const [from, to] = [range?.from, range?.to]
  useEffect(() => {
    if (from !== undefined && to !== undefined) drawing.current?.chart.timeScale().setVisibleLogicalRange({ from, to })
  }, [from, to, bars])

  useEffect(() => {
    const candles = drawing.current?.candles
    if (candles === undefined) return
    const lines = levels.map(({ price, isNear }) =>
      candles.createPriceLine({
        price,
        color: colour(isNear ? 'accent' : 'text-3'),
        lineStyle: isNear ? LineStyle.Dashed : LineStyle.Dotted,
        lineWidth: 1,
        axisLabelVisible: false,
        title: '',
      }),
    )
    // The chart may be gone by then, and its lines with it.
    return () => lines.forEach((line) => drawing.current?.candles === candles && candles.removePriceLine(line))
  }, [levels, theme])

  return (
    <figure className={styles.chart}>
      <div className={styles.canvas} role="img" aria-label={label} data-testid="edge-chart" ref={container} />
      {range && (
        <>
          <i className={styles.edge} style={{ left: width - EDGE_PX }} aria-hidden="true" />
          <figcaption className={styles.axis} style={{ width }}>
            <time dateTime={new Date(range.fromMs).toISOString()}>{momentText(range.fromMs)}</time>
            <time dateTime={new Date(edgeMs).toISOString()} data-testid="edge">
              {momentText(edgeMs)}
            </time>
          </figcaption>
        </>
      )}
    </figure>
  )
}
