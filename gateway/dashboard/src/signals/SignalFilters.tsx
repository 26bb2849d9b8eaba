// What the list shows: symbol, direction, grade. Remembered between visits.

import type { RefObject } from 'react'

import { useLive } from '../live/LiveStore'
import { DIRECTIONS, type Filter, GRADES, toggled } from '../live/filter'
import { ARROW, TONE, WORD } from '../ui/marks'

interface Props {
  filter: Filter
  count: number
  search: RefObject<HTMLInputElement | null>
  paused: boolean
  onChange: (filter: Filter) => void
  onPause: () => void
}

export function SignalFilters({ filter, count, search, paused, onChange, onPause }: Props) {
  const pausedSignals = useLive((state) => state.pausedSignals)
  return (
    <div className="filters" role="search" aria-label="Filter signals">
      <div className="filters-line">
        <h2>Signals</h2>
        <span className="muted count">{count}</span>
        <button type="button" className="button pause" aria-pressed={paused} onClick={onPause}>
          <span aria-hidden="true">{paused ? '▶' : '❙❙'}</span>{' '}
          {paused ? `Resume${pausedSignals ? ` · ${pausedSignals} new` : ''}` : 'Pause'}
        </button>
      </div>
      <div className="filters-line">
        <label className="search">
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
            className="chip chip-clear"
            aria-label={`Show all symbols, not only ${filter.symbol}`}
            onClick={() => onChange({ ...filter, symbol: null })}
          >
            {filter.symbol} <span aria-hidden="true">✕</span>
          </button>
        )}
      </div>
      <div className="filters-line">
        <div className="choices" role="group" aria-label="Direction">
          {DIRECTIONS.map((direction) => (
            <button
              key={direction}
              type="button"
              className={TONE[direction]}
              aria-pressed={filter.directions.includes(direction)}
              onClick={() =>
                onChange({ ...filter, directions: toggled(DIRECTIONS, filter.directions, direction) })
              }
            >
              <span aria-hidden="true">{ARROW[direction]}</span> {WORD[direction]}
            </button>
          ))}
        </div>
        <div className="choices" role="group" aria-label="Grade">
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
        </div>
      </div>
    </div>
  )
}
