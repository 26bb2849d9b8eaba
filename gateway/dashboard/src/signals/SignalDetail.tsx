// The chosen signal: what it says, on the chart, why, and what became of it.

import type { RefObject } from 'react'

import type { SignalItem } from '../contract'
import type { ApiError } from '../lib/api'
import { classes } from '../lib/classes'
import { useLive } from '../live/LiveStore'
import { StartupProgress } from '../live/StartupProgress'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import { Explanation } from './Explanation'
import { Levels } from './Levels'
import { SignalChart } from './SignalChart'
import styles from './SignalDetail.module.css'
import { SignalHead } from './SignalHead'
import { TrackRecord } from './TrackRecord'

interface Props {
  signal: SignalItem | null
  symbol: string | null
  heading: RefObject<HTMLHeadingElement | null>
  refusal: ApiError | null
  onChoose: (signalId: string) => void
  onAcknowledge: (signal: SignalItem) => void
  className?: string | undefined
  onBack: () => void
}

export function SignalDetail({ signal, symbol, heading, refusal, onChoose, onAcknowledge, onBack, className }: Props) {
  const firstSymbol = useLive((state) => state.health?.symbols[0]?.symbol)
  const isStarting = useLive((state) => state.health?.status === 'starting')
  const charted = signal?.symbol ?? symbol ?? firstSymbol
  return (
    <div
      id="detail"
      className={classes(styles.detail, signal !== null && styles.twoColumns, signal !== null && className)}
    >
      <div className={styles.main}>
        {signal === null ? (
          <WaitingFor charted={charted} isStarting={isStarting} />
        ) : (
          <SignalHead
            signal={signal}
            heading={heading}
            refusal={refusal}
            onAcknowledge={onAcknowledge}
            onBack={onBack}
          />
        )}
        {charted && (signal !== null || !isStarting) && (
          <SignalChart signal={signal} symbol={charted} onChoose={onChoose} />
        )}
        {signal !== null && (
          <>
            <PlainPanel aria-label="Levels">
              <Levels signal={signal} />
            </PlainPanel>
            <TrackRecord symbol={signal.symbol} />
          </>
        )}
      </div>
      {signal !== null && (
        <aside className={styles.why} aria-label="Why this signal">
          <Explanation signal={signal} />
        </aside>
      )}
    </div>
  )
}

/** What is shown before there is a signal. */
function WaitingFor({ charted, isStarting }: { charted: string | undefined; isStarting: boolean }) {
  const hasModel = useLive((state) => Object.keys(state.models?.serving ?? {}).length > 0)
  const hasHealth = useLive((state) => state.health !== null)
  const outage = useLive((state) => state.outage)
  if (!hasHealth && outage)
    return (
      <PlainPanel>
        <EmptyState title="The gateway cannot be reached">
          <p>Is it running? This page tries again by itself.</p>
        </EmptyState>
        <Failure error={outage.error} />
      </PlainPanel>
    )
  if (hasModel && charted && !isStarting)
    return (
      <PlainPanel>
        <EmptyState title="The model is in service; its first signal comes with the next bars">
          <p>It predicts from the second bar after it was announced.</p>
        </EmptyState>
      </PlainPanel>
    )
  return <StartupProgress />
}
