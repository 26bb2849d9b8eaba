// The command palette: any page, market, timeframe, idea or key of the page by a few letters.

import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react'

import type { IdeaList } from '../contract'
import { goTo } from '../lib/address'
import { labelsOf } from '../lib/keys'
import { linkToIdea } from '../lib/route'
import { WORD } from '../lib/signal'
import { useAnswer } from '../lib/useAnswer'
import { useTimeframes } from '../live/timeframes'
import styles from './Palette.module.css'
import { matching, type PaletteItem } from './palette'

interface Props {
  items: readonly PaletteItem[]
  onClose: () => void
}

export function Palette({ items, onClose }: Props) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const list = useRef<HTMLUListElement>(null)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const id = useId()
  const found = matching([...items, ...useIdeaItems()], text)
  const chosen = found[Math.min(at, found.length - 1)]
  useEffect(() => {
    void list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  const take = (item: PaletteItem | undefined) => {
    if (item === undefined) return
    onClose()
    item.act()
  }
  const press = (event: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: found.length - 1 }
    const to = moves[event.key]
    if (event.key === 'Enter') take(chosen)
    else if (to !== undefined) setAt(Math.min(Math.max(to, 0), Math.max(found.length - 1, 0)))
    else return
    event.preventDefault()
  }
  return (
    <div className={styles.palette}>
      <input
        ref={input}
        role="combobox"
        aria-label="Find a page, a market, an idea or a command"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={chosen && `${id}-${found.indexOf(chosen)}`}
        placeholder="Page, market, timeframe, idea, command"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={press}
      />
      <ul ref={list} id={id} role="listbox" aria-label="Commands" className={styles.list}>
        {found.map((item, place) => (
          <li
            key={`${item.kind} ${item.name} ${place}`}
            id={`${id}-${place}`}
            role="option"
            aria-selected={item === chosen}
            onClick={() => take(item)}
          >
            <span>{item.name}</span>
            <span className="muted">{item.kind}</span>
            <span>{item.keyName !== '' && labelsOf(item.keyName).map((label) => <kbd key={label}>{label}</kbd>)}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="muted">Nothing is called that.</p>}
    </div>
  )
}

/** The ideas that run, each at its timeframe. */
function useIdeaItems(): readonly PaletteItem[] {
  const { all: timeframes } = useTimeframes()
  const { data } = useAnswer<IdeaList>('/api/ideas?state=open&limit=500')
  return (data?.ideas ?? []).map(({ idea_id: id, symbol, side, timeframe }) => {
    const own = timeframes.find(({ name }) => name === timeframe)
    const act = () => goTo(linkToIdea(id), { symbol: null, ...(own && { timeframe: own }) })
    return { name: `${symbol} ${WORD[side]} ${timeframe}`, kind: 'Idea', keyName: '', act }
  })
}
