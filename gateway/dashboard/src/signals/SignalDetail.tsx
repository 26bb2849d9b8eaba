// One signal: what it says, on the chart, why, and what became of it.

import { type RefObject, useEffect, useMemo, useState } from 'react'

import { PriceChart } from '../live/chart/PriceChart'
import { useMarketTime } from '../live/marketTime'
import type { SignalItem } from '../contract'
import type { ApiError } from '../lib/api'
import { liveStore, useLive } from '../live/LiveStore'
import { NO_SERIES } from '../live/fold'
import { barsText, closeText, dayText, percent, priceText, signedPercent, timeframeText, wallText } from '../lib/format'
import { useTheme } from '../lib/theme'
import { ErrorBoundary } from '../ui/ErrorBoundary'
import { BarTable } from '../live/chart/BarTable'
import { Bar, DirectionMark, Failed, GradeMark, OutcomeMark, Shares } from '../ui/marks'

interface Props {
  signal: SignalItem
  heading: RefObject<HTMLHeadingElement | null>
  failure: ApiError | null
  onAcknowledge: (signal: SignalItem) => void
  onBack: () => void
}

export function SignalHead({ signal, heading, failure, onAcknowledge, onBack }: Props) {
  const { probabilities: p } = signal
  return (
    <header className="panel head">
      <button type="button" className="button back" onClick={onBack}>
        <span aria-hidden="true">←</span> Signals
      </button>
      <div className="head-title">
        <GradeMark grade={signal.grade} large />
        <div>
          <h2 ref={heading} tabIndex={-1}>
            {signal.symbol} <DirectionMark direction={signal.direction} />
          </h2>
          <p className="muted">
            {timeframeText(signal.timeframe_ms)} bar closed {dayText(signal.event_time_ms)},{' '}
            <b>{closeText(signal.event_time_ms)} UTC</b>
            {!signal.qualified && (
              <span className="tag warn" title="The model failed its gates out of sample">
                unqualified
              </span>
            )}
          </p>
        </div>
      </div>
      <div className="head-confidence">
        <p className="hero-number">{percent(signal.confidence)}</p>
        <p className="muted">calibrated confidence</p>
      </div>
      <div className="head-chances">
        <Shares
          label={`Sell ${percent(p.sell)}, neutral ${percent(p.neutral)}, buy ${percent(p.buy)}`}
          parts={[
            { share: p.sell, tone: 'down' },
            { share: p.neutral, tone: 'flat' },
            { share: p.buy, tone: 'up' },
          ]}
        />
        <p className="chances-text" aria-hidden="true">
          <span className="down">sell {percent(p.sell)}</span>
          <span className="flat">neutral {percent(p.neutral)}</span>
          <span className="up">buy {percent(p.buy)}</span>
        </p>
        <Life signal={signal} />
      </div>
      <div className="head-act">
        {signal.acknowledged ? (
          <p className="seen-by">
            <span aria-hidden="true">◉</span> Acknowledged
            <span className="muted">
              {' '}
              by {signal.acknowledged.by}, {wallText(signal.acknowledged.event_time_ms)}
            </span>
          </p>
        ) : (
          <button type="button" className="button button-main" onClick={() => onAcknowledge(signal)}>
            Acknowledge <kbd aria-hidden="true">a</kbd>
          </button>
        )}
        {failure && <Failed error={failure} />}
      </div>
    </header>
  )
}

/** How much of the horizon has passed, and how it ended. */
function Life({ signal }: { signal: SignalItem }) {
  const now = useMarketTime() ?? signal.event_time_ms
  const span = signal.expires_ms - signal.event_time_ms
  const done = Math.min(Math.max((now - signal.event_time_ms) / span, 0), 1)
  const left = Math.min(Math.ceil((signal.expires_ms - now) / signal.timeframe_ms), signal.horizon_bars)
  if (signal.score)
    return (
      <p className="life">
        <OutcomeMark signal={signal} detailed />
        <span className="muted">
          {signal.score.outcome === null
            ? 'a hole in the bars hides the outcome'
            : `after costs at ${closeText(signal.expires_ms)} UTC; ${signal.score.outcome} came true`}
        </span>
      </p>
    )
  return (
    <p className="life">
      <Bar done={done} label="Horizon passed" />
      <span className="muted">
        {left > 0 ? `${left} of ${signal.horizon_bars} bars left` : 'expired, being scored'}
      </span>
    </p>
  )
}

export function SignalChart({ signal, symbol, onChoose }: {
  signal: SignalItem | null
  symbol: string
  onChoose: (signalId: string) => void
}) {
  const theme = useTheme()
  const series = useLive((state) => state.series.get(symbol)) ?? NO_SERIES
  const all = useLive((state) => state.signals)
  const error = useLive((state) => state.seriesError)
  const stale = useLive((state) => state.health?.symbols.find((s) => s.symbol === symbol && s.stale))
  const [twin, setTwin] = useState(false)
  const first = series.bars[0]?.event_time_ms
  const backTo = signal === null ? Infinity : signal.event_time_ms - 100 * signal.timeframe_ms
  useEffect(() => void liveStore.readSeries(symbol, backTo), [symbol, backTo, first === undefined])
  const signals = useMemo(() => all.filter((each) => each.symbol === symbol), [all, symbol])
  return (
    <section className="panel chart-panel" aria-label={`${symbol} chart`}>
      <header className="panel-head">
        <h3>
          {symbol} {stale && <span className="tag warn">stale: {barsText(stale.age_bars)} old</span>}
        </h3>
        <ul className="keys" aria-label="Regimes">
          <li className="up">Bull</li>
          <li className="flat">Sideways</li>
          <li className="down">Bear</li>
          <li className="key-line">Entropy</li>
        </ul>
        <button type="button" className="button" aria-pressed={twin} onClick={() => setTwin(!twin)}>
          Table
        </button>
      </header>
      {error && series.bars.length === 0 ? (
        <Failed error={error} onRetry={() => void liveStore.readSeries(symbol, backTo)} />
      ) : twin ? (
        <BarTable series={series} signals={signals} />
      ) : (
        <ErrorBoundary what="The chart">
          <PriceChart
            bars={series.bars}
            regimes={series.regimes}
            signals={signals}
            chosen={signal}
            theme={theme}
            onChoose={onChoose}
          />
        </ErrorBoundary>
      )}
    </section>
  )
}

export function Levels({ signal }: { signal: SignalItem }) {
  const { reference_price: reference, target_price: target, invalidation_price: wrong, score } = signal
  const away = (price: number | null) => (price === null ? '' : signedPercent(price / reference - 1))
  const reward =
    target === null || wrong === null ? null : Math.abs(target - reference) / Math.abs(reference - wrong)
  return (
    <dl className="levels">
      <Level name="Reference" value={priceText(reference)} note="close at t" />
      {reward !== null && (
        <>
          <Level name="Target" value={priceText(target, reference)} note={away(target)} />
          <Level name="Invalidation" value={priceText(wrong, reference)} note={away(wrong)} />
          <Level name="Reward / risk" value={reward.toFixed(2)} note="by these levels" />
        </>
      )}
      <Level name="Right beyond" value={`±${percent(signal.threshold, 2)}`} note="by the horizon" />
      {score ? (
        <Level
          name="Came to"
          value={score.direction === 'neutral' ? (score.outcome ?? 'unknown') : signedPercent(score.net_return)}
          note={score.cost === null ? 'outcome unknown' : `costs ${percent(score.cost, 2)}`}
        />
      ) : (
        <Level name="Expires" value={closeText(signal.expires_ms)} note={`${signal.horizon_bars} bars`} />
      )}
    </dl>
  )
}

function Level({ name, value, note }: { name: string; value: string; note: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
      <dd className="muted">{note || '\u00a0'}</dd>
    </div>
  )
}
