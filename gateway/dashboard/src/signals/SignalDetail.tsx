// The chosen signal: what it says, on the chart, why, and what became of it.

import { lazy, type RefObject, Suspense } from 'react'

import type { SignalItem } from '../contract'
import type { ApiError } from '../lib/api'
import { classes } from '../lib/classes'
import { ageText, countText } from '../lib/format'
import { MarketChart } from '../live/chart/MarketChart'
import { episodeBars } from '../live/episodes'
import { FirstSignalProgress, isBeforeFirstSignal } from '../live/FirstSignalProgress'
import { GatewayAway } from '../live/GatewayAway'
import { liveStore, useLive } from '../live/LiveStore'
import { StartupProgress } from '../live/StartupProgress'
import { useTimeframeHealth, useTimeframes } from '../live/timeframes'
import { Button } from '../ui/Button'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { Levels } from './Levels'
import styles from './SignalDetail.module.css'
import { SignalHead } from './SignalHead'

// Both wait for an answer of the gateway: their code may come meanwhile.
const Explanation = lazy(() => import('./Explanation').then((module) => ({ default: module.Explanation })))
const TrackRecord = lazy(() => import('./TrackRecord').then((module) => ({ default: module.TrackRecord })))

interface Props {
  signal: SignalItem | null
  /** The newest of its episode, for which the list has a line. */
  later: SignalItem | null
  /** The signal that was asked for: the gateway may not have it. */
  chosenId: string | null
  /** The filter leaves nothing to show. */
  isFiltered: boolean
  symbol: string | null
  heading: RefObject<HTMLHeadingElement | null>
  refusal: ApiError | null
  onChoose: (signalId: string) => void
  onNewest: () => void
  onShowAll: () => void
  onAcknowledge: (signal: SignalItem) => void
  className?: string | undefined
  onBack: () => void
}

export function SignalDetail(props: Props) {
  const { signal, symbol, heading, refusal, onChoose, onAcknowledge, onBack, className } = props
  const firstSymbol = useLive((state) => state.health?.symbols[0]?.symbol)
  const isStarting = useLive((state) => state.health?.status === 'starting')
  const charted = signal?.symbol ?? symbol ?? firstSymbol
  const { all: running, shown } = useTimeframes()
  const timeframe = running.find(({ ms }) => ms === signal?.timeframe_ms) ?? shown
  return (
    <div
      id="detail"
      tabIndex={-1}
      className={classes(
        styles.detail,
        signal !== null && styles.twoColumns,
        (signal ?? props.chosenId) !== null && className,
      )}
    >
      <div className={styles.main}>
        {signal === null ? (
          <NoSignal {...props} />
        ) : (
          <SignalHead
            signal={signal}
            heading={heading}
            refusal={refusal}
            onAcknowledge={onAcknowledge}
            onBack={onBack}
          />
        )}
        {signal !== null && props.later !== null && (
          <Later by={episodeBars(props.later) - episodeBars(signal)} onTurn={() => onChoose(props.later!.signal_id)} />
        )}
        {charted && timeframe && (signal !== null || !isStarting) && (
          <MarketChart symbol={charted} timeframe={timeframe} chosen={signal} onChoose={onChoose} />
        )}
        {signal !== null && (
          <>
            <PlainPanel aria-label="Levels">
              <Levels signal={signal} />
            </PlainPanel>
            <Suspense>
              <TrackRecord symbol={signal.symbol} />
            </Suspense>
          </>
        )}
      </div>
      {signal !== null && (
        <aside className={styles.why} aria-label="Why this signal">
          <Suspense>
            <Explanation signal={signal} />
          </Suspense>
        </aside>
      )}
    </div>
  )
}

/** What is read stays while its episode goes on: the line of the list is another bar. */
function Later({ by, onTurn }: { by: number; onTurn: () => void }) {
  return (
    <PlainPanel role="note">
      An earlier bar of this episode, which has gone on for {ageText(by)} since.{' '}
      <Button onClick={onTurn}>Show its newest</Button>
    </PlainPanel>
  )
}

/** Why no signal is shown: none exists yet, none passes the filter, or the chosen one is not here. */
function NoSignal({ chosenId, isFiltered, onNewest, onShowAll, onBack }: Props) {
  const health = useLive((state) => state.health)
  const timeframe = useTimeframeHealth()
  const outage = useLive((state) => state.outage)
  const failure = useLive((state) => (chosenId === null ? null : state.explanations.get(chosenId)?.error)) ?? null
  if (health === null && outage) return <GatewayAway error={outage.error} />
  if (chosenId !== null && failure !== null)
    return (
      <PlainPanel aria-label="Not here">
        {failure.status === 404 ? (
          <NotHere signalId={chosenId} onNewest={onNewest} />
        ) : (
          <NotRead {...{ chosenId, failure }} />
        )}
        <Button className={styles.back} onClick={onBack}>
          <span aria-hidden="true">←</span> Signals
        </Button>
      </PlainPanel>
    )
  if (health === null || timeframe === null || health.status === 'starting') return <StartupProgress />
  if (isBeforeFirstSignal(timeframe)) return <FirstSignalProgress timeframe={timeframe} />
  const { signals: count } = timeframe
  if (count === 0)
    return (
      <PlainPanel>
        <EmptyState title="The model is in service; its first signal comes with the next bars">
          <p>It predicts from the second bar after it was announced.</p>
        </EmptyState>
      </PlainPanel>
    )
  if (chosenId === null && isFiltered)
    return (
      <PlainPanel>
        <EmptyState title="No signal passes the filter">
          <p>{countText(count)} signals are held; the filter of the list hides them.</p>
          <Button onClick={onShowAll}>Show all signals</Button>
        </EmptyState>
      </PlainPanel>
    )
  return (
    <PlainPanel>
      <Skeleton rows={4} label="The signal is being read" />
    </PlainPanel>
  )
}

/** A link may name a signal that is older than what the gateway holds, or that never was. */
function NotHere({ signalId, onNewest }: { signalId: string; onNewest: () => void }) {
  return (
    <EmptyState title="This signal is not here">
      <p>
        <code>{signalId}</code> is not among the newest that the gateway holds. Older ones are on the topic{' '}
        <code>signals.graded.v1</code>.
      </p>
      <Button onClick={onNewest}>Show the newest signal</Button>
    </EmptyState>
  )
}

function NotRead({ chosenId, failure }: { chosenId: string; failure: ApiError }) {
  return <Failure error={failure} onRetry={() => void liveStore.explanations.open(chosenId)} />
}
