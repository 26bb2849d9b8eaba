// The form of a trade: a new one, which fills itself from a signal, or the correction of one.

import type { IdeaDetail, SignalDetail, TradeDetails } from '../contract'
import { useSymbol } from '../lib/address'
import { priceText, stampText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { useLive } from '../live/LiveStore'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import type { Source } from './place'
import { additionOf, correctionOf, draftOfIdea, draftOfSignal, draftOfTrade, emptyDraft } from './tradeDraft'
import { TradeForm } from './TradeForm'

interface NewProps {
  source: Source | null
  onRecorded: (tradeId: string) => void
}

export function NewTrade({ source, onRecorded }: NewProps) {
  const pathTo = (kind: Source['kind']) => (source?.kind === kind ? encodeURIComponent(source.id) : null)
  const [signalName, ideaName] = [pathTo('signal'), pathTo('idea')]
  const signal = useAnswer<SignalDetail>(signalName && `/api/signals/${signalName}`)
  const idea = useAnswer<IdeaDetail>(ideaName && `/api/ideas/${ideaName}`)
  const symbol = useSymbol()
  const first = useLive(({ health }) => health?.symbols[0]?.symbol)
  const about = signal.data ?? idea.data
  if (source === null ? first === undefined : about === null) return <Waiting error={signal.error ?? idea.error} />
  const draft = signal.data
    ? draftOfSignal(signal.data)
    : idea.data
      ? draftOfIdea(idea.data)
      : emptyDraft(symbol ?? first ?? '')
  return (
    <TradeForm
      title="New trade"
      lead={
        signal.data
          ? leadOf('signal', signal.data, signal.data.invalidation_price)
          : idea.data
            ? leadOf('idea', { ...idea.data, event_time_ms: idea.data.opened_ms }, idea.data.stop_price)
            : 'What you did about the market, or let pass'
      }
      draft={draft}
      isNew
      ground={
        about && {
          timeframeMs: about.timeframe_ms,
          targetPrice: about.target_price,
          signal: signal.data,
        }
      }
      requestOf={(changed) => ({
        path: '/api/trades',
        method: 'POST',
        body: additionOf(changed, source),
      })}
      onRecorded={onRecorded}
    />
  )
}

type Levels = Pick<SignalDetail, 'target_price' | 'reference_price' | 'expires_ms' | 'event_time_ms' | 'grade'>

function leadOf(what: string, about: Levels, wrong: number | null): string {
  const { target_price: target, reference_price: close } = about
  const levels = [
    target === null ? null : `target ${priceText(target, close)}`,
    wrong === null ? null : `wrong at ${priceText(wrong, close)}`,
    `until ${stampText(about.expires_ms)}`,
  ].filter((words) => words !== null)
  return `On the ${what} of ${stampText(about.event_time_ms)}, grade ${about.grade}: ${levels.join(', ')}`
}

interface CorrectionProps {
  tradeId: string
  onRecorded: (tradeId: string) => void
}

export function TradeCorrection({ tradeId, onRecorded }: CorrectionProps) {
  const path = `/api/trades/${encodeURIComponent(tradeId)}`
  const { data, error } = useAnswer<TradeDetails>(path)
  if (data === null) return <Waiting error={error} />
  const before = draftOfTrade(data)
  return (
    <TradeForm
      title="Correct the trade"
      lead={`Revision ${data.revision + 1}; those before stay`}
      draft={before}
      isNew={false}
      ground={data.grounds && { timeframeMs: data.grounds.timeframe_ms, targetPrice: null, signal: null }}
      requestOf={(changed) => ({ path, method: 'PUT', body: correctionOf(before, changed, data.revision) })}
      onRecorded={onRecorded}
    />
  )
}

function Waiting({ error = null }: { error?: ReturnType<typeof useAnswer>['error'] }) {
  return (
    <PlainPanel aria-label="Form of a trade">
      {error === null ? (
        <Skeleton rows={6} label="The form is being filled" />
      ) : (
        <EmptyState title="It cannot be filled from there">
          <Failure error={error} />
        </EmptyState>
      )}
    </PlainPanel>
  )
}
