// Notifications of the browser about new ideas, if the reader asked for them.

import { useEffect } from 'react'

import type { IdeaItem, IdeaList } from '../contract'
import { ask } from '../lib/api'
import { signedPercent } from '../lib/format'
import { linkToIdea } from '../lib/route'
import { readText, writeText } from '../lib/storage'
import { createStore, useStore } from '../lib/store'

const KEY = 'regimeflow.notify'
const EVERY_MS = 5_000

const notifying = createStore(readText(KEY) === 'yes')

export function mayNotify(): boolean {
  return 'Notification' in globalThis
}

export function useNotifying(): boolean {
  return useStore(notifying, (isOn) => isOn && mayNotify() && Notification.permission === 'granted')
}

export function setNotifying(isOn: boolean): void {
  writeText(KEY, isOn ? 'yes' : 'no')
  notifying.set(isOn)
}

/** Tell of ideas that come from now on, on whichever page the reader is. */
export function IdeaNotices(): null {
  const isOn = useNotifying()
  useEffect(() => {
    if (!isOn) return
    let known: ReadonlySet<string> | null = null
    const look = async () => {
      const list = await ask<IdeaList>('/api/ideas?state=open&limit=100').catch(() => null)
      if (list === null) return
      if (known !== null) newIdeas(known, list.ideas).forEach(tell)
      known = new Set([...(known ?? []), ...list.ideas.map(({ idea_id: id }) => id)])
    }
    void look()
    const timer = setInterval(() => void look(), EVERY_MS)
    return () => clearInterval(timer)
  }, [isOn])
  return null
}

/** The ideas that were not there before. */
export function newIdeas(known: ReadonlySet<string>, ideas: readonly IdeaItem[]): readonly IdeaItem[] {
  return ideas.filter(({ idea_id: id }) => !known.has(id))
}

function tell(idea: IdeaItem): void {
  const { low, high } = idea.expected_net_return
  const notice = new Notification(`${idea.side === 'buy' ? 'Buy' : 'Sell'} ${idea.symbol}, ${idea.timeframe}`, {
    body: `Grade ${idea.grade}, expected ${signedPercent(low)} to ${signedPercent(high)} after costs`,
    tag: idea.idea_id,
  })
  notice.onclick = () => {
    window.focus()
    location.hash = linkToIdea(idea.idea_id)
  }
}
