// The chosen signal: what it says, on the chart, why, and what became of it.

import type { RefObject } from 'react'

import type { SignalItem } from '../contract'
import type { ApiError } from '../lib/api'
import { useLive } from '../live/LiveStore'
import { StartupProgress } from '../live/StartupProgress'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import { Explanation } from './Explanation'
import { Levels } from './Levels'
import { SignalChart } from './SignalChart'
import { SignalHead } from './SignalHead'
import { TrackRecord } from './TrackRecord'
import styles from './SignalDetail.module.css'
import { classes } from '../lib/classes'

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
  if (signal === null) return <WithoutSignal symbol={symbol} onChoose={onChoose} />
  return (
    <div id="detail" className={classes(styles.detail, styles.twoColumns, className)}>
      <div className={styles.main}>
        <SignalHead signal={signal} heading={heading} refusal={refusal} onAcknowledge={onAcknowledge} onBack={onBack} />
        <SignalChart signal={signal} symbol={signal.symbol} onChoose={onChoose} />
        <PlainPanel aria-label="Levels">
          <Levels signal={signal} />
        </PlainPanel>
        <TrackRecord symbol={signal.symbol} />
      </div>
      <aside className={styles.why} aria-label="Why this signal">
        <Explanation signal={signal} />
      </aside>
    </div>
  )
}

/** What is shown before there is a signal. */
function WithoutSignal({ symbol, onChoose }: { symbol: string | null; onChoose: (signalId: string) => void }) {
  const firstSymbol = useLive((state) => state.health?.symbols[0]?.symbol)
  const isStarting = useLive((state) => state.health?.status === 'starting')
  const charted = symbol ?? firstSymbol
  return (
    <div id="detail" className={styles.detail}>
      <div className={styles.main}>
        <WaitingFor charted={charted} isStarting={isStarting} />
        {charted && !isStarting && <SignalChart signal={null} symbol={charted} onChoose={onChoose} />}
      </div>
    </div>
  )
}

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
