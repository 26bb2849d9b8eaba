// Whether this browser tells of new ideas: only after the reader has asked for it.

import { useState } from 'react'

import { mayNotify, setNotifying, useNotifying } from '../live/ideaNotices'
import { Button } from '../ui/Button'
import text from '../ui/text.module.css'

export function NotifyChoice() {
  const isOn = useNotifying()
  const [isRefused, setIsRefused] = useState(false)
  if (!mayNotify()) return null
  const toggle = async () => {
    const permission = isOn ? 'granted' : await Notification.requestPermission()
    setIsRefused(permission !== 'granted')
    setNotifying(!isOn && permission === 'granted')
  }
  return (
    <span>
      {isRefused && <span className={text.aside}>The browser refuses notifications of this page. </span>}
      <Button aria-pressed={isOn} onClick={() => void toggle()}>
        Notify me of ideas
      </Button>
    </span>
  )
}
