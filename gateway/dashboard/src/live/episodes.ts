// Signals of one direction without a break, bar after bar: one episode, one line of the list.

import type { SignalItem } from '../contract'

/** The newest signal of each episode. `signals` are newest first; one of an older release stands alone. */
export function newestOfEpisodes(signals: readonly SignalItem[]): readonly SignalItem[] {
  const seen = new Set<string>()
  return signals.filter((signal) => {
    const key = episodeOf(signal)
    return !seen.has(key) && seen.add(key)
  })
}

/** The signal of a list that stands for another one: itself, else the one of its episode. */
export function standingFor(signal: SignalItem, listed: readonly SignalItem[]): SignalItem | null {
  const episode = episodeOf(signal)
  return (
    listed.find((each) => each.signal_id === signal.signal_id) ??
    listed.find((each) => episodeOf(each) === episode) ??
    null
  )
}

/** Bars of an episode up to one of its signals, that one included. */
export function episodeBars({ event_time_ms: closeMs, since_ms: sinceMs, timeframe_ms: frame }: SignalItem): number {
  return sinceMs === null ? 1 : Math.round((closeMs - sinceMs) / frame) + 1
}

function episodeOf({ signal_id, symbol, timeframe_ms, since_ms }: SignalItem): string {
  return since_ms === null ? signal_id : `${symbol} ${timeframe_ms} ${since_ms}`
}
