// Which market, timeframe and span a page looks at. The address holds them, so that every link carries them.

import { rescope, useSpan, useSymbol } from '../lib/address'
import { type Span, SPANS } from '../lib/scope'
import { useLive } from './LiveStore'
import styles from './ScopePicker.module.css'
import { TimeframeSwitch } from './TimeframeSwitch'

interface Props {
  /** Whether the page tells timeframes apart. */
  timeframe?: boolean
  /** Whether the page can look at a part of the past. */
  span?: boolean
}

export function ScopePicker({ timeframe = false, span = false }: Props) {
  const symbol = useSymbol()
  const chosenSpan = useSpan()
  const markets = useLive((state) => state.health?.symbols)
  const symbols = (markets ?? []).map((market) => market.symbol)
  const unknown = symbol === null || symbols.includes(symbol) ? [] : [symbol]
  return (
    <div className={styles.picker} role="group" aria-label="What is looked at">
      <select
        id="market"
        aria-label="Market"
        value={symbol ?? ''}
        onChange={(event) => rescope({ symbol: event.target.value || null })}
      >
        <option value="">All markets</option>
        {[...symbols, ...unknown].map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
      {timeframe && <TimeframeSwitch onChoose={(next) => rescope({ timeframe: next })} />}
      {span && (
        <select
          aria-label="Span"
          value={chosenSpan ?? ''}
          onChange={(event) => rescope({ span: (event.target.value || null) as Span | null })}
        >
          <option value="">All of the past</option>
          {Object.entries(SPANS).map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      )}
    </div>
  )
}
