// The form of a trade: a new one, which fills itself from a signal, or the correction of one.

import type { SignalDetail, TradeDetails } from '../contract'
import { useSymbol } from '../lib/address'
import { priceText, stampText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { useLive } from '../live/LiveStore'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import type { Source } from './place'
import { additionOf, correctionOf, draftOfSignal, draftOfTrade, emptyDraft } from './tradeDraft'
import { TradeForm } from './TradeForm'

interface NewProps {
  source: Source | null
  onRecorded: (tradeId: string) => void
}

export function NewTrade({ source, onRecorded }: NewProps) {
  const signal = useAnswer<SignalDetail>(source === null ? null : `/api/signals/${encodeURIComponent(source.id)}`)
  const symbol = useSymbol()
  const first = useLive(({ health }) => health?.symbols[0]?.symbol)
  if (source === null && first === undefined) return <Waiting />
  if (source !== null && signal.data === null) return <Waiting error={signal.error} />
  const draft = signal.data === null ? emptyDraft(symbol ?? first ?? '') : draftOfSignal(signal.data)
  return (
    <TradeForm
      title="New trade"
      lead={signal.data === null ? 'What you did about the market, or let pass' : leadOf(signal.data)}
      draft={draft}
      isNew
      requestOf={(changed) => ({ path: '/api/trades', method: 'POST', body: additionOf(changed, source?.id ?? null) })}
      onRecorded={onRecorded}
    />
  )
}

function leadOf(signal: SignalDetail): string {
  const { target_price: target, invalidation_price: wrong, reference_price: close } = signal
  const levels = [
    target === null ? null : `target ${priceText(target, close)}`,
    wrong === null ? null : `wrong at ${priceText(wrong, close)}`,
    `until ${stampText(signal.expires_ms)}`,
  ].filter((words) => words !== null)
  return `On the signal of ${stampText(signal.event_time_ms)}, grade ${signal.grade}: ${levels.join(', ')}`
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
