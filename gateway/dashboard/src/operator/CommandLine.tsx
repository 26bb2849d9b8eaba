// A command for the shell, and a button that copies it.

import { useState } from 'react'

import { Button } from '../ui/Button'
import styles from './CommandLine.module.css'

const SAID_MS = 2_000

export function CommandLine({ command, label }: { command: string; label: string }) {
  const [copied, setCopied] = useState('')
  const copy = async () => {
    await navigator.clipboard.writeText(command)
    setCopied(command)
    setTimeout(() => setCopied(''), SAID_MS)
  }
  return (
    <span className={styles.line}>
      <code>{command}</code>
      <Button aria-label={label} onClick={() => void copy().catch(() => setCopied(''))}>
        {copied === command ? 'Copied' : 'Copy'}
      </Button>
    </span>
  )
}
