import type { ConfigVersion } from '../contract'
import { Tag } from '../ui/Tag'

const TONES = { ACTIVE: 'good', DRAFT: 'accent', DEPRECATED: 'muted' } as const

export function StatusTag({ status }: { status: ConfigVersion['status'] }) {
  return <Tag tone={TONES[status]}>{status}</Tag>
}
