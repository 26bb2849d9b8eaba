// The chosen signal: what it says, on the chart, why, and what became of it.

import type { RefObject } from 'react'

import type { SignalItem } from '../contract'
import type { ApiError } from '../lib/api'
import { useLive } from '../live/LiveStore'
import { StartupProgress } from '../live/StartupProgress'
import { Failed, Nothing } from '../ui/marks'
import { Explanation } from './Explanation'
import { Levels } from './Levels'
import { SignalChart } from './SignalChart'
import { SignalHead } from './SignalHead'
import { TrackRecord } from './TrackRecord'

interface Props {
  signal: SignalItem | null
  symbol: string | null
  heading: RefObject<HTMLHeadingElement | null>
  refusal: ApiError | null
  onChoose: (signalId: string) => void
  onAcknowledge: (signal: SignalItem) => void
  onBack: () => void
}

export function SignalDetail({ signal, symbol, heading, refusal, onChoose, onAcknowledge, onBack }: Props) {
  if (signal === null) return <WithoutSignal symbol={symbol} onChoose={onChoose} />
  return (
    <div id="detail" className="detail detail-two">
      <div className="detail-main">
        <SignalHead signal={signal} heading={heading} refusal={refusal} onAcknowledge={onAcknowledge} onBack={onBack} />
        <SignalChart signal={signal} symbol={signal.symbol} onChoose={onChoose} />
        <section className="panel" aria-label="Levels">
          <Levels signal={signal} />
        </section>
        <TrackRecord symbol={signal.symbol} />
      </div>
      <aside className="detail-why" aria-label="Why this signal">
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
    <div id="detail" className="detail">
      <div className="detail-main">
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
      <section className="panel">
        <Nothing title="The gateway cannot be reached">
          <p>Is it running? This page tries again by itself.</p>
        </Nothing>
        <Failed error={outage.error} />
      </section>
    )
  if (hasModel && charted && !isStarting)
    return (
      <section className="panel">
        <Nothing title="The model is in service; its first signal comes with the next bars">
          <p>It predicts from the second bar after it was announced.</p>
        </Nothing>
      </section>
    )
  return <StartupProgress />
}
