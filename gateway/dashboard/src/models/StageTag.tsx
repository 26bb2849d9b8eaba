import type { VersionView } from '../contract'
import { Tag } from '../ui/Tag'

const TONES = { Production: 'good', Staging: 'accent', Archived: 'muted', None: 'muted' } as const

export function StageTag({ stage }: { stage: VersionView['stage'] }) {
  return <Tag tone={TONES[stage]}>{stage === 'None' ? 'No stage' : stage}</Tag>
}
