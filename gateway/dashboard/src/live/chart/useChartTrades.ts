// Reads the ideas and the executed trades of a market that its chart draws.

import { useMemo } from 'react'

import type { IdeaList, TradeList } from '../../contract'
import type { Timeframe } from '../../lib/timeframe'
import { useAnswer } from '../../lib/useAnswer'
import { useLive } from '../LiveStore'
import { type ChartTrade, tradeOfIdea, tradeOfJournal } from './chartTrades'

const EVERY_MS = 5_000
const NEWEST = 200

/** The newest of both kinds. A trade of the journal is of no timeframe: it stands in every chart. */
export function useChartTrades(symbol: string, timeframe: Timeframe): readonly ChartTrade[] {
  const isReady = useLive(({ health }) => health !== null && health.status !== 'starting')
  const isPaused = useLive((state) => state.paused) || !isReady
  const market = `ticker=${encodeURIComponent(symbol)}&limit=${NEWEST}`
  const ideas = useAnswer<IdeaList>(`/api/ideas?${market}&timeframe=${timeframe.name}`, EVERY_MS, isPaused).data
  const journal = useAnswer<TradeList>(`/api/trades?${market}&action=executed`, EVERY_MS, isPaused).data
  return useMemo(
    () =>
      [...(ideas?.ideas ?? []).map(tradeOfIdea), ...(journal?.trades ?? []).map(tradeOfJournal)].filter(
        (trade) => trade !== null,
      ),
    [ideas, journal],
  )
}
