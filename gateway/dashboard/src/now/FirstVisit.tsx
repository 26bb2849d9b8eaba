// What the page is, in five lines, until a reader puts them away.

import { useState } from 'react'

import { readText, writeText } from '../lib/storage'
import { Button } from '../ui/Button'
import { PanelHead, PlainPanel } from '../ui/Panel'
import styles from './FirstVisit.module.css'

const KEY = 'regimeflow.introduced'

export function FirstVisit({ className }: { className: string | undefined }) {
  const [isOpen, setIsOpen] = useState(() => readText(KEY) === null)
  if (!isOpen) return null
  const close = () => {
    writeText(KEY, 'yes')
    setIsOpen(false)
  }
  return (
    <PlainPanel className={className} aria-label="What you see">
      <PanelHead>
        <h2>What you see</h2>
        <Button onClick={close}>I know it</Button>
      </PanelHead>
      <ol className={styles.lines}>
        <li>Each bar gives a signal: a direction, how sure the model is, and why. Most are neutral.</li>
        <li>
          A signal that is worth more than its costs becomes an idea: here, with entry, target and where it is wrong.
        </li>
        <li>Every signal and every idea is scored when it ends, after fees, slippage and funding.</li>
        <li>Note in the journal what you did about it: Performance compares you with the ideas.</li>
        <li>Nothing here can place an order. Ctrl K finds any page, market, idea and command, ? lists the keys.</li>
      </ol>
    </PlainPanel>
  )
}
