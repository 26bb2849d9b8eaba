// Handles of the prices that can be dragged: by pointer, by touch, or by arrow keys.

import { type KeyboardEvent, type PointerEvent, type RefObject, useEffect, useEffectEvent, useRef } from 'react'

import { classes } from '../../lib/classes'
import { priceDigits, priceText } from '../../lib/format'
import type { ChartDrawing } from './chartDrawing'
import type { DraftLevel } from './LevelDrawing'
import styles from './LevelHandles.module.css'

interface Props {
  drawing: RefObject<ChartDrawing | null>
  levels: readonly DraftLevel[]
  /** A price as it is read, such as `63181.9`. */
  onLevel: (name: string, price: string) => void
}

const STEPS: Readonly<Record<string, number>> = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }

export function LevelHandles({ drawing, levels, onLevel }: Props) {
  const handles = useRef<HTMLDivElement>(null)
  const place = useEffectEvent((ys: readonly (number | null)[]) => {
    ys.forEach((y, at) => {
      const handle = handles.current?.children[at] as HTMLElement | undefined
      if (handle === undefined) return
      handle.hidden = y === null
      handle.style.top = `${y ?? 0}px`
    })
  })
  useEffect(() => drawing.current?.levels.show(levels, (ys) => place(ys)), [drawing, levels])

  const set = (name: string, price: number) => {
    const digits = priceDigits(levels[0]!.price)
    if (price > 0) onLevel(name, price.toFixed(digits))
  }
  const hold = (event: PointerEvent, isHeld: boolean) => {
    drawing.current?.levels.hold(isHeld)
    if (isHeld) event.currentTarget.setPointerCapture(event.pointerId)
  }
  const drag = (event: PointerEvent, name: string) => {
    const { current } = drawing
    const box = handles.current?.getBoundingClientRect()
    if (current === null || box === undefined || !event.currentTarget.hasPointerCapture(event.pointerId)) return
    const y = Math.min(Math.max(event.clientY - box.top, 0), current.chart.paneSize().height)
    const price = current.candles.coordinateToPrice(y)
    if (price !== null) set(name, price)
  }
  const step = (event: KeyboardEvent, { name, price }: DraftLevel) => {
    const by = STEPS[event.key]
    if (by === undefined) return
    event.preventDefault()
    set(name, price + by * 10 ** -priceDigits(levels[0]!.price))
  }
  return (
    <div className={styles.handles} ref={handles}>
      {levels.map((level) => (
        <div
          key={level.name}
          className={classes(styles.handle, level.isOffered && styles.offered)}
          role="slider"
          tabIndex={0}
          aria-label={`${level.name} price`}
          aria-orientation="vertical"
          aria-valuenow={level.price}
          aria-valuetext={level.isOffered ? 'not set' : priceText(level.price)}
          onPointerDown={(event) => hold(event, true)}
          onPointerMove={(event) => drag(event, level.name)}
          onLostPointerCapture={(event) => hold(event, false)}
          onKeyDown={(event) => step(event, level)}
        >
          <span aria-hidden="true">↕</span> {level.name}{' '}
          {level.isOffered ? <i>drag to set</i> : <b>{priceText(level.price, levels[0]!.price)}</b>} {level.note}
        </div>
      ))}
    </div>
  )
}
