// A modal sheet; the browser's own, so that focus and Escape work as people know them.

import { type ReactNode, useEffect, useRef } from 'react'

interface Props {
  title: string
  open: boolean
  side?: boolean
  children: ReactNode
  onClose: () => void
}

export function Dialog({ title, open, side = false, children, onClose }: Props) {
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (open) element.current?.showModal()
    else element.current?.close()
  }, [open])
  return (
    <dialog
      ref={element}
      className={side ? 'sheet' : 'sheet sheet-middle'}
      aria-label={title}
      onClose={onClose}
      onClick={(event) => event.target === element.current && onClose()}
    >
      {open && (
        <div className="sheet-body">
          <header className="panel-head">
            <h2>{title}</h2>
            <button type="button" className="button button-icon" aria-label="Close" onClick={onClose}>
              ✕
            </button>
          </header>
          {children}
        </div>
      )}
    </dialog>
  )
}

const KEYS = [
  ['j ↓', 'Next signal'],
  ['k ↑', 'Previous signal'],
  ['Home End', 'Newest, oldest'],
  ['Enter', 'Open the signal'],
  ['Esc', 'Back to the list'],
  ['/', 'Find a symbol'],
  ['a', 'Acknowledge'],
  ['n', 'Neutral signals on or off'],
  ['p', 'Pause or resume updates'],
  ['s', 'State of the system'],
  ['t', 'Dark or light'],
  ['?', 'This help'],
] as const

export function Help() {
  return (
    <>
      <dl className="shortcuts">
        {KEYS.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <p className="muted foot-note">
        Times are bar closes in market time, UTC. Rising bars are hollow, falling bars are full. Signals are advice: no
        part of this system can place an order.
      </p>
    </>
  )
}
