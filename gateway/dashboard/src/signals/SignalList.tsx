// The master list: a listbox that draws only the rows in sight, however many there are.

import { type RefObject, useEffect, useEffectEvent, useLayoutEffect, useRef, useState } from 'react'

import type { SignalItem } from '../contract'
import { classes } from '../lib/classes'
import { ageText, countText, percent } from '../lib/format'
import { TONE } from '../lib/signal'
import { episodeBars } from '../live/episodes'
import { type Filter, queryOf } from '../live/filter'
import { liveStore, useLive } from '../live/LiveStore'
import { useMarketTime } from '../live/marketTime'
import { useTimeframeHealth } from '../live/timeframes'
import { Button } from '../ui/Button'
import { DirectionMark } from '../ui/DirectionMark'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { GradeMark } from '../ui/GradeMark'
import { Meter } from '../ui/Meter'
import { RegimeChip } from '../ui/RegimeMark'
import { Skeleton } from '../ui/Skeleton'
import { Tag } from '../ui/Tag'
import { OutcomeMark } from './OutcomeMark'
import styles from './SignalList.module.css'

const ROW_PX = 58
const OVER = 6

interface Props {
  signals: readonly SignalItem[]
  filter: Filter
  chosenId: string | null
  onChoose: (signalId: string) => void
  onShowNeutral: () => void
}

export function SignalList({ signals, filter, chosenId, onChoose, onShowNeutral }: Props) {
  const page = useLive((state) => state.pages.get(queryOf(filter)))
  const now = useMarketTime()
  const box = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 600 })
  useAnchor(box, signals)

  const isEmpty = signals.length === 0
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const measure = new ResizeObserver(() => setView({ top: element.scrollTop, height: element.clientHeight }))
    measure.observe(element)
    return () => measure.disconnect()
  }, [isEmpty])

  const chosenAt = signals.findIndex((signal) => signal.signal_id === chosenId)
  const scrollToChosen = useEffectEvent(() => {
    const element = box.current
    if (element === null || chosenAt < 0) return
    const top = chosenAt * ROW_PX
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + ROW_PX > element.scrollTop + element.clientHeight)
      element.scrollTop = top + ROW_PX - element.clientHeight
  })
  useEffect(() => scrollToChosen(), [chosenId])

  if (page?.error && signals.length === 0)
    return <Failure error={page.error} onRetry={() => liveStore.readOlder(filter)} />
  if (signals.length === 0)
    return <Empty loading={page?.loading ?? true} filter={filter} onShowNeutral={onShowNeutral} />

  const first = Math.max(0, Math.floor(view.top / ROW_PX) - OVER)
  const last = Math.min(signals.length, Math.ceil((view.top + view.height) / ROW_PX) + OVER)
  const isChosenInSight = chosenAt >= first && chosenAt < last
  return (
    <div
      ref={box}
      className={styles.rows}
      role="listbox"
      aria-label="Signals, newest first"
      tabIndex={0}
      {...(isChosenInSight ? { 'aria-activedescendant': `signal-${chosenId}` } : {})}
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        setView({ top: scrollTop, height: clientHeight })
        if (scrollTop + clientHeight > scrollHeight - 20 * ROW_PX) liveStore.readOlder(filter)
      }}
    >
      <div role="presentation" className={styles.all} style={{ height: signals.length * ROW_PX }}>
        {signals.slice(first, last).map((signal, place) => (
          <Row
            key={signal.signal_id}
            signal={signal}
            at={first + place}
            count={page?.depth === 0 ? signals.length : -1}
            chosen={signal.signal_id === chosenId}
            now={now}
            isEpisode={!filter.everyBar}
            onChoose={onChoose}
          />
        ))}
      </div>
    </div>
  )
}

interface RowProps {
  signal: SignalItem
  at: number
  count: number
  chosen: boolean
  now: number | null
  isEpisode: boolean
  onChoose: (signalId: string) => void
}

function Row({ signal, at, count, chosen, now, isEpisode, onChoose }: RowProps) {
  const { signal_id: id, direction, confidence, timeframe_ms: frame } = signal
  const age = now === null ? null : Math.max(0, (now - signal.event_time_ms) / frame)
  const bars = episodeBars(signal)
  const left = Math.min(Math.ceil((signal.expires_ms - (now ?? 0)) / frame), signal.horizon_bars)
  return (
    <div
      id={`signal-${id}`}
      role="option"
      aria-selected={chosen}
      aria-posinset={at + 1}
      aria-setsize={count}
      className={classes(styles.row, signal.acknowledged !== null && styles.acknowledged)}
      style={{ transform: `translateY(${at * ROW_PX}px)` }}
      onClick={() => onChoose(id)}
    >
      <GradeMark grade={signal.grade} className={styles.grade} />
      <span className={styles.main}>
        <b title={signal.symbol}>{signal.symbol}</b> <DirectionMark direction={direction} />
        {signal.rank !== null && (
          <Tag tone="accent" title="Rank: it expects more than this share of the last 1,000">
            rank {Math.floor(signal.rank)}
          </Tag>
        )}
        {!signal.qualified && <Tag tone="warn">unqualified</Tag>}
      </span>
      <span className={styles.confidence}>
        <span className="unseen">confidence </span>
        {percent(confidence)}
        <Meter share={confidence} tone={TONE[direction]} />
      </span>
      <span className={classes(styles.under, 'muted')}>
        {age === null ? '–' : ageText(age)}
        {age !== null && age >= 1 && <span className="unseen"> ago</span>}
        {isEpisode && bars > 1 && (
          <span className={styles.length} title="So long without another direction">
            for {ageText(bars)}
          </span>
        )}{' '}
        <RegimeChip regime={signal.regime} />
      </span>
      <span className={styles.end}>
        {signal.acknowledged && (
          <span className="muted" title="Acknowledged">
            <span aria-hidden="true">◉</span>
            <span className="unseen">acknowledged</span>
          </span>
        )}
        {signal.score ? (
          <OutcomeMark signal={signal} />
        ) : (
          <span className="muted">{left > 0 ? `${left} left` : 'expiring'}</span>
        )}
      </span>
    </div>
  )
}

/** New rows come in above: what is being read stays where it is, unless it is the top. */
function useAnchor(box: RefObject<HTMLDivElement | null>, signals: readonly SignalItem[]): void {
  const before = useRef<readonly SignalItem[]>([])
  useLayoutEffect(() => {
    const element = box.current
    const earlier = before.current
    before.current = signals
    if (element === null || element.scrollTop < ROW_PX) return
    const from = Math.floor(element.scrollTop / ROW_PX)
    const anchorId = earlier[from]?.signal_id
    const to = signals.findIndex((signal) => signal.signal_id === anchorId)
    if (to >= 0 && to !== from) element.scrollBy(0, (to - from) * ROW_PX)
  }, [box, signals])
}

function Empty({ loading, filter, onShowNeutral }: { loading: boolean; filter: Filter; onShowNeutral: () => void }) {
  const total = useTimeframeHealth()?.signals ?? 0
  if (total === 0)
    return (
      <EmptyState title="No signals yet">
        <p>One comes with every bar close, once a model serves.</p>
      </EmptyState>
    )
  if (loading)
    return <Skeleton rows={8} label="Signals are being read" className={classes(styles.rows, styles.loading)} />
  return (
    <EmptyState title="No signal passes the filter">
      <p>{countText(total)} signals are held. Widen the filter to see more of them.</p>
      {!filter.directions.includes('neutral') && <Button onClick={onShowNeutral}>Show neutral signals</Button>}
    </EmptyState>
  )
}
