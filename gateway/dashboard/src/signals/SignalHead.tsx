// What a signal says: direction, confidence, how much of its horizon is left, acknowledgement.

import type { RefObject } from 'react'

import type { SignalItem } from '../contract'
import { useDenial } from '../lib/access'
import { push } from '../lib/address'
import type { ApiError } from '../lib/api'
import { classes } from '../lib/classes'
import { closeText, dayText, percent, timeframeText, wallText } from '../lib/format'
import { linkToJournalForm } from '../lib/route'
import { useMarketTime } from '../live/marketTime'
import { Button } from '../ui/Button'
import { DirectionMark } from '../ui/DirectionMark'
import { Failure } from '../ui/Failure'
import { GradeMark } from '../ui/GradeMark'
import panel from '../ui/Panel.module.css'
import { ProgressBar } from '../ui/ProgressBar'
import { Shares } from '../ui/Shares'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import { missText } from './missText'
import { OutcomeMark } from './OutcomeMark'
import styles from './SignalHead.module.css'

interface Props {
  signal: SignalItem
  heading: RefObject<HTMLHeadingElement | null>
  refusal: ApiError | null
  onAcknowledge: (signal: SignalItem) => void
  onBack: () => void
}

export function SignalHead({ signal, heading, refusal, onAcknowledge, onBack }: Props) {
  const denied = useDenial('operate')
  const { probabilities: p } = signal
  return (
    <header className={classes(panel.panel, styles.head)} data-testid="signal-head">
      <Button className={styles.back} onClick={onBack}>
        <span aria-hidden="true">←</span> Signals
      </Button>
      <div className={styles.title}>
        <GradeMark grade={signal.grade} large />
        <div>
          <h2 ref={heading} tabIndex={-1}>
            {signal.symbol} <DirectionMark direction={signal.direction} />
          </h2>
          <p className="muted">
            {timeframeText(signal.timeframe_ms)} bar closed {dayText(signal.event_time_ms)},{' '}
            <b>{closeText(signal.event_time_ms)} UTC</b>
            {!signal.qualified && (
              <Tag tone="warn" className={styles.unqualified} title="The first of its risk notes says why">
                unqualified
              </Tag>
            )}
          </p>
        </div>
      </div>
      <div className={styles.confidence}>
        <p className={text.hero}>{percent(signal.confidence)}</p>
        <p className={styles.confidenceNote}>calibrated confidence{boundsText(signal.confidence_interval)}</p>
      </div>
      <div className={styles.chances}>
        <Shares
          className={styles.shares}
          label={`Sell ${percent(p.sell)}, neutral ${percent(p.neutral)}, buy ${percent(p.buy)}`}
          parts={[
            { share: p.sell, tone: 'down' },
            { share: p.neutral, tone: 'flat' },
            { share: p.buy, tone: 'up' },
          ]}
        />
        <p className={styles.chancesText} aria-hidden="true">
          <span className="down">sell {percent(p.sell)}</span>
          <span className="flat">neutral {percent(p.neutral)}</span>
          <span className="up">buy {percent(p.buy)}</span>
        </p>
        <Horizon signal={signal} />
      </div>
      <div className={styles.act}>
        {signal.acknowledged ? (
          <p className={styles.acknowledged}>
            <span aria-hidden="true">◉</span> Acknowledged
            <span className="muted">
              {' '}
              by {signal.acknowledged.by}, {wallText(signal.acknowledged.event_time_ms)}
            </span>
          </p>
        ) : (
          <Button
            kind="main"
            className={styles.acknowledge}
            disabled={denied !== null}
            aria-describedby={denied === null ? undefined : 'denied'}
            onClick={() => onAcknowledge(signal)}
          >
            Acknowledge <kbd aria-hidden="true">a</kbd>
          </Button>
        )}
        <Button disabled={denied !== null} onClick={() => push(linkToJournalForm('signal', signal.signal_id))}>
          Note a trade <kbd aria-hidden="true">l</kbd>
        </Button>
        {!signal.acknowledged && denied !== null && (
          <p id="denied" className={text.aside}>
            {denied}
          </p>
        )}
        {refusal && <Failure error={refusal} />}
      </div>
    </header>
  )
}

/** The Venn-Abers bounds; a model without tables, or an older signal, has none. */
function boundsText(interval: readonly [number, number] | null | undefined): string {
  return interval ? `, ${percent(interval[0])} to ${percent(interval[1])}` : ''
}

/** How much of the horizon has passed, and how it ended. */
function Horizon({ signal }: { signal: SignalItem }) {
  const now = useMarketTime() ?? signal.event_time_ms
  const span = signal.expires_ms - signal.event_time_ms
  const done = Math.min(Math.max((now - signal.event_time_ms) / span, 0), 1)
  const left = Math.min(Math.ceil((signal.expires_ms - now) / signal.timeframe_ms), signal.horizon_bars)
  if (signal.score)
    return (
      <p className={styles.horizon}>
        <OutcomeMark signal={signal} detailed />
        <span className="muted">
          {signal.score.outcome === null
            ? 'a hole in the bars hides the outcome'
            : [
                `after costs at ${closeText(signal.expires_ms)} UTC`,
                missText(signal) || `${signal.score.outcome} came true`,
              ].join('; ')}
        </span>
      </p>
    )
  return (
    <p className={styles.horizon}>
      <ProgressBar done={done} label="Horizon passed" className={styles.passed} />
      <span className="muted">
        {left > 0 ? `${left} of ${signal.horizon_bars} bars left` : 'expired, being scored'}
      </span>
    </p>
  )
}
