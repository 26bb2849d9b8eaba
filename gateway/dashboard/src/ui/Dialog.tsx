// A modal sheet; the browser's own, so that focus and Escape work as people know them.

import { type ReactNode, useEffect, useRef } from 'react'

import { classes } from '../lib/classes'
import { Button } from './Button'
import styles from './Dialog.module.css'
import { PanelHead } from './Panel'

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
      className={classes(styles.sheet, side ? styles.side : styles.middle)}
      aria-label={title}
      onClose={onClose}
      onClick={(event) => event.target === element.current && onClose()}
    >
      {open && (
        <div className={styles.body}>
          <PanelHead>
            <h2>{title}</h2>
            <Button kind="icon" aria-label="Close" onClick={onClose}>
              ✕
            </Button>
          </PanelHead>
          {children}
        </div>
      )}
    </dialog>
  )
}
