// The models page: the versions of a timeframe on the left, what the chosen one is worth on the right.

import { type ComponentType, lazy, Suspense, useState } from 'react'

import type { ModelList, VersionList as Versions } from '../contract'
import { goTo, useAddress } from '../lib/address'
import { asOfQuery } from '../lib/asOf'
import type { KeyBinding } from '../lib/keys'
import { MODELS } from '../lib/route'
import { strategyOf } from '../lib/strategy'
import { type Timeframe, timeframeKeys } from '../lib/timeframe'
import { useAnswer } from '../lib/useAnswer'
import { HealthBanner } from '../live/HealthBanner'
import { useTimeframes } from '../live/timeframes'
import { UnknownTimeframe } from '../live/TimeframeSwitch'
import type { FrameProps } from '../ui/frame'
import layout from '../ui/listAndDetail.module.css'
import styles from '../ui/page.module.css'
import { Skeleton } from '../ui/Skeleton'
import { SkipLink } from '../ui/SkipLink'
import { stepItem } from '../ui/stepItem'
import { Absence } from './Absence'
import { versionOf } from './place'
import { VersionList } from './VersionList'

// The list of versions comes first.
const VersionDetail = lazy(() => import('./VersionDetail').then((module) => ({ default: module.VersionDetail })))

const EVERY_MS = 5_000

interface Props {
  /** The frame around the page: it listens to the page's keys. */
  Frame: ComponentType<FrameProps>
}

const KEYS: readonly KeyBinding[] = [
  { keys: ['j', 'k'], meaning: 'Older, newer version', act: (key) => stepItem(key === 'j' ? 1 : -1) },
  {
    keys: ['p'],
    meaning: 'Try to let the version serve: nothing changes yet',
    act: () => document.getElementById('try')?.click(),
  },
]

export function ModelsPage({ Frame }: Props) {
  const [asOf, setAsOf] = useState('')
  const { all, shown: timeframe } = useTimeframes()
  const number = useAddress(({ hash }) => versionOf(hash))
  const models = useAnswer<ModelList>('/api/v1/models', EVERY_MS)
  const strategy = models.data === null ? null : strategyOf(models.data)
  const answer = useAnswer<Versions>(pathOf(strategy, timeframe, asOf), EVERY_MS)
  const versions = answer.data?.versions ?? []
  const wanted = number ?? answer.data?.production ?? versions.at(-1)?.version ?? null
  const shown = versions.find(({ version }) => version === wanted) ?? null
  const turnTo = (timeframe: Timeframe) => goTo(MODELS, { timeframe })
  return (
    <Frame
      skipLink={<SkipLink to="models">Skip to the versions</SkipLink>}
      keys={[...KEYS, ...timeframeKeys(all, turnTo)]}
      help="A version serves only after it was compared with the one before it, or because a person says so. Every change is tried first, counts from a bar that is still to come, and stands in the audit for ever."
      footer={
        <>
          Analysis only: nothing here can place an order. <a href="/docs">API</a>
        </>
      }
    >
      <HealthBanner />
      <UnknownTimeframe onChoose={turnTo} />
      <main id="models" className={styles.main} tabIndex={-1}>
        <div className={layout.work}>
          <VersionList
            list={answer.data}
            shown={shown?.version ?? null}
            asOf={asOf}
            onAsOf={setAsOf}
            onTimeframe={turnTo}
            training={models.data?.training ?? null}
          />
          <div className={layout.detail}>
            {shown !== null && answer.data !== null ? (
              <Suspense fallback={<Skeleton rows={6} label="The version is being read" />}>
                <VersionDetail
                  key={`${shown.timeframe}/${shown.version}`}
                  version={shown}
                  list={answer.data}
                  isPast={asOf !== ''}
                  onChanged={answer.reload}
                />
              </Suspense>
            ) : (
              <Absence
                number={number}
                error={answer.error ?? models.error}
                isRead={answer.data !== null}
                isPast={asOf !== ''}
                onNow={() => setAsOf('')}
              />
            )}
          </div>
        </div>
      </main>
    </Frame>
  )
}

function pathOf(strategy: string | null, timeframe: Timeframe | null, asOf: string): string | null {
  if (strategy === null || timeframe === null) return null
  const query = asOfQuery(asOf)
  const named = `/api/v1/models/${encodeURIComponent(strategy)}/versions${query}`
  return `${named}${query === '' ? '?' : '&'}timeframe=${timeframe.name}`
}
