import type { TradeView } from '../contract'
import { signedPercent } from '../lib/format'
import { Tag } from '../ui/Tag'

/** What became of a trade: what it earned, or why it earned nothing. */
export function TradeTag({ trade: { trade, result, state } }: { trade: TradeView }) {
  if (state === 'passed') return <Tag tone="muted">{trade.action}</Tag>
  if (state === 'open') return <Tag tone="accent">open</Tag>
  if (result === null) return <Tag tone="muted">being booked</Tag>
  return <Tag tone={result.net_return > 0 ? 'good' : 'bad'}>{signedPercent(result.net_return)}</Tag>
}
