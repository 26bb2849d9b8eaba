// Every market at a glance: price, its last hours, its regime, its newest signal.

import type { Bar, SignalItem } from '../contract'
import { classes } from '../lib/classes'
import { barsText, percent, priceText, signedPercent } from '../lib/format'
import { ARROW, TONE, WORD } from '../lib/signal'
import type { Timeframe } from '../lib/timeframe'
import { RegimeBar, RegimeChip } from '../ui/RegimeMark'
import { Tag } from '../ui/Tag'
import { NO_SERIES, seriesKey } from './fold'
import { useLive } from './LiveStore'
import styles from './MarketStrip.module.css'
import { staleBars } from './staleness'
import { useTimeframes } from './timeframes'

const SPARK_BARS = 60

interface Props {
  symbol: string | null
  newest: ReadonlyMap<string, SignalItem>
  className?: string | undefined
  onToggle: (symbol: string) => void
}

export function MarketStrip({ symbol, newest, className, onToggle }: Props) {
  const markets = useLive((state) => state.health?.symbols)
  const serves = useLive((state) => Object.keys(state.models?.serving ?? {}).length > 0)
  const { shown } = useTimeframes()
  if (!markets?.length || shown === null) return null
  return (
    <nav className={classes(styles.strip, className)} aria-label="Markets">
      {markets.map((market) => (
        <Market
          key={market.symbol}
          symbol={market.symbol}
          timeframe={shown}
          ended={market.ended}
          serves={serves}
          price={market.last_price}
          signal={newest.get(market.symbol) ?? null}
          chosen={symbol === market.symbol}
          onToggle={onToggle}
        />
      ))}
    </nav>
  )
}

interface MarketProps {
  symbol: string
  timeframe: Timeframe
  ended: boolean
  serves: boolean
  price: number
  signal: SignalItem | null
  chosen: boolean
  onToggle: (symbol: string) => void
}

function Market({ symbol, timeframe, ended, serves, price, signal, chosen, onToggle }: MarketProps) {
  const { bars, regimes } = useLive((state) => state.series.get(seriesKey(symbol, timeframe.ms))) ?? NO_SERIES
  const stale = useLive((state) => staleBars(state, symbol, timeframe))
  const recent = bars.slice(-SPARK_BARS)
  const close = bars.at(-1)?.close ?? price
  const change = recent[0] ? close / recent[0].open - 1 : null
  const regime = regimes.at(-1)
  return (
    <button type="button" className={styles.market} aria-pressed={chosen} onClick={() => onToggle(symbol)}>
      <span className={styles.top}>
        <b title={symbol}>{symbol}</b>
        {ended ? (
          <span className="muted">ended</span>
        ) : stale === null ? (
          signal && (
            <span className={classes(styles.direction, TONE[signal.direction])}>
              <span aria-hidden="true">{ARROW[signal.direction]}</span>
              <span className="unseen">newest signal {WORD[signal.direction]}</span> {signal.grade}{' '}
              {percent(signal.confidence)}
            </span>
          )
        ) : (
          <Staleness bars={stale} serves={serves} />
        )}
      </span>
      <span className={styles.middle}>
        <span className={styles.price}>
          {priceText(close)}
          {!timeframe.isBase && bars.length > 0 && <small className="muted"> {timeframe.name} close</small>}
        </span>
        <Spark bars={recent} />
      </span>
      <span className={styles.bottom}>
        <span className={change === null ? '' : change < 0 ? 'down' : 'up'}>
          {signedPercent(change)} <span className="muted">{recent.length} bars</span>
        </span>
        {regime &&
          (regime.parameters_version === null ? (
            <span className="muted">regime unfitted</span>
          ) : (
            <RegimeChip regime={regime} />
          ))}
      </span>
      {regime && <RegimeBar regime={regime} />}
    </button>
  )
}

/** How far behind a market is: a fault once a model serves, work to do before. */
function Staleness({ bars, serves }: { bars: number; serves: boolean }) {
  if (serves) return <Tag tone="warn">stale {barsText(bars)}</Tag>
  return <span className="muted">to go {barsText(bars)}</span>
}

function Spark({ bars }: { bars: readonly Bar[] }) {
  if (bars.length < 2) return null
  const closes = bars.map((bar) => bar.close)
  const [low, high] = [Math.min(...closes), Math.max(...closes)]
  const points = closes.map((close, place) => {
    const x = (place / (closes.length - 1)) * 100
    return `${x.toFixed(1)},${(27 - (26 * (close - low)) / (high - low || 1)).toFixed(1)}`
  })
  return (
    <svg className={styles.spark} viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(' ')} vectorEffect="non-scaling-stroke" />
    </svg>
  )
}
