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
