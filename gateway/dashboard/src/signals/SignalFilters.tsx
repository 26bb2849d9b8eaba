// What the list shows: symbol, direction, grade, rank. Remembered between visits.

import type { RefObject } from 'react'

import { classes } from '../lib/classes'
import { GLOSSARY } from '../lib/glossary'
import { ARROW, DIRECTIONS, GRADES, WORD } from '../lib/signal'
import type { Timeframe } from '../lib/timeframe'
import { type Filter, RANKS, toggled } from '../live/filter'
import { useLive } from '../live/LiveStore'
import { TimeframeSwitch } from '../live/TimeframeSwitch'
import { Button } from '../ui/Button'
import chip from '../ui/chip.module.css'
import { Choices } from '../ui/Choices'
import styles from './SignalFilters.module.css'

interface Props {
  filter: Filter
  count: number
  search: RefObject<HTMLInputElement | null>
  paused: boolean
  onChange: (filter: Filter) => void
  onPause: () => void
  onAllSymbols: () => void
  onTimeframe: (timeframe: Timeframe) => void
}

export function SignalFilters({ filter, count, search, paused, onChange, onPause, onAllSymbols, onTimeframe }: Props) {
  const pausedSignals = useLive((state) => state.pausedSignals)
  return (
    <div className={styles.filters} role="search" aria-label="Filter signals">
      <div className={styles.line}>
        <h2>Signals</h2>
        <span className="muted">{count}</span>
        <TimeframeSwitch onChoose={onTimeframe} />
        <Button className={styles.pause} aria-pressed={paused} onClick={onPause}>
          <span aria-hidden="true">{paused ? '▶' : '❙❙'}</span>{' '}
          {paused ? `Resume${pausedSignals ? ` · ${pausedSignals} new` : ''}` : 'Pause'}
        </Button>
      </div>
      <div className={styles.line}>
        <label className={styles.search}>
          <span className="unseen">Symbol</span>
          <input
            ref={search}
            type="search"
            placeholder={filter.symbol ? `only ${filter.symbol}` : 'Symbol'}
            value={filter.text}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => onChange({ ...filter, text: event.target.value })}
            onKeyDown={({ key, currentTarget }) => (key === 'Escape' || key === 'Enter') && currentTarget.blur()}
          />
          <kbd aria-hidden="true">/</kbd>
        </label>
        {filter.symbol && (
          <button
            type="button"
            className={classes(chip.chip, styles.clear)}
            aria-label={`Show all symbols, not only ${filter.symbol}`}
            onClick={onAllSymbols}
          >
            {filter.symbol} <span aria-hidden="true">✕</span>
          </button>
        )}
      </div>
      <div className={styles.line}>
        <Choices className={styles.directions} aria-label="Direction">
          {DIRECTIONS.map((direction) => (
            <button
              key={direction}
              type="button"
              className={styles[direction]}
              aria-pressed={filter.directions.includes(direction)}
              onClick={() => onChange({ ...filter, directions: toggled(DIRECTIONS, filter.directions, direction) })}
            >
              <span aria-hidden="true">{ARROW[direction]}</span> {WORD[direction]}
            </button>
          ))}
        </Choices>
        <Choices aria-label="Grade">
          {GRADES.map((grade) => (
            <button
              key={grade}
              type="button"
              aria-label={`Grade ${grade}`}
              aria-pressed={filter.grades.includes(grade)}
              onClick={() => onChange({ ...filter, grades: toggled(GRADES, filter.grades, grade) })}
            >
              {grade}
            </button>
          ))}
        </Choices>
      </div>
      <div className={styles.line}>
        <Choices aria-label="A line of the list">
          <button
            type="button"
            aria-pressed={!filter.everyBar}
            onClick={() => onChange({ ...filter, everyBar: false })}
          >
            Episodes
          </button>
          <button type="button" aria-pressed={filter.everyBar} onClick={() => onChange({ ...filter, everyBar: true })}>
            Bars
          </button>
        </Choices>
        <Choices aria-label="Least rank" title={GLOSSARY.Rank.join(' ')}>
          {[null, ...RANKS].map((rank) => (
            <button
              key={rank}
              type="button"
              aria-label={rank === null ? 'Any rank' : `Rank ${rank} and above`}
              aria-pressed={filter.minRank === rank}
              onClick={() => onChange({ ...filter, minRank: rank })}
            >
              {rank === null ? 'Any rank' : `${rank}+`}
            </button>
          ))}
        </Choices>
      </div>
    </div>
  )
}
