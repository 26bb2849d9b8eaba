// The challenges page: a model in Staging against the one that serves, until the test decides.

import { type ComponentType, useState } from 'react'

import type { ChallengeList as Challenges, ModelList, VersionList, VersionView } from '../contract'
import { rescope, useAddress } from '../lib/address'
import { CHALLENGES, partsBelow } from '../lib/route'
import { strategyOf } from '../lib/strategy'
import { timeframeKeys } from '../lib/timeframe'
import { useAnswer } from '../lib/useAnswer'
import { HealthBanner } from '../live/HealthBanner'
import { useTimeframes } from '../live/timeframes'
import { UnknownTimeframe } from '../live/TimeframeSwitch'
import { CommandPanel } from '../ui/CommandPanel'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import type { FrameProps } from '../ui/frame'
import layout from '../ui/listAndDetail.module.css'
import styles from '../ui/page.module.css'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { SkipLink } from '../ui/SkipLink'
import { stepItem } from '../ui/stepItem'
import { ChallengeDetail } from './ChallengeDetail'
import { ChallengeList } from './ChallengeList'

const EVERY_MS = 5_000

interface Props {
  /** The frame around the page: it listens to the page's keys. */
  Frame: ComponentType<FrameProps>
}

export function ChallengesPage({ Frame }: Props) {
  const named = useAddress(({ hash }) => partsBelow(CHALLENGES, hash)[0] ?? null)
  const { all, shown: timeframe } = useTimeframes()
  const models = useAnswer<ModelList>('/api/v1/models', EVERY_MS)
  const strategy = models.data === null ? null : strategyOf(models.data)
  const model = strategy === null || timeframe === null ? null : `/api/v1/models/${encodeURIComponent(strategy)}`
  const at = `timeframe=${timeframe?.name}`
  const answer = useAnswer<Challenges>(model && `${model}/challenges?${at}`, EVERY_MS)
  const versions = useAnswer<VersionList>(model && `${model}/versions?${at}`, EVERY_MS)
  const [challenger, setChallenger] = useState<VersionView | null>(null)
  const challenges = answer.data?.challenges ?? []
  const shownId = named ?? challenges[0]?.challenge_id ?? null
  return (
    <Frame
      skipLink={<SkipLink to="challenges">Skip to the challenges</SkipLink>}
      keys={[
        { keys: ['j', 'k'], meaning: 'Older, newer challenge', act: (key) => stepItem(key === 'j' ? 1 : -1) },
        ...timeframeKeys(all, (next) => rescope({ timeframe: next })),
      ]}
      help="Both models predict the same bars; the challenger's predictions are never shown as signals. The test holds however often one looks, and a strategy may be wrong about 5 % of all its challenges together."
      footer={
        <>
          Analysis only: nothing here can place an order. <a href="/docs">API</a>
        </>
      }
    >
      <HealthBanner />
      <UnknownTimeframe onChoose={(next) => rescope({ timeframe: next })} />
      <main id="challenges" className={styles.main} tabIndex={-1}>
        <div className={layout.work}>
          <ChallengeList
            list={answer.data}
            shownId={shownId}
            versions={versions.data?.versions ?? []}
            onChallenge={setChallenger}
          />
          <div className={layout.detail}>
            {challenger !== null && model !== null && (
              <CommandPanel
                key={challenger.version}
                title={`Challenge the champion with version ${challenger.version}`}
                confirm="Begin the challenge"
                verb="begun"
                subject="the challenges"
                path={`${model}/challenges`}
                body={{ timeframe: timeframe?.name, challenger: challenger.model_version }}
                revision={null}
                onChanged={answer.reload}
                onLeave={() => setChallenger(null)}
              />
            )}
            {shownId !== null ? (
              <ChallengeDetail key={shownId} challengeId={shownId} onChanged={answer.reload} />
            ) : (
              <Absence error={answer.error ?? models.error} isRead={answer.data !== null} />
            )}
          </div>
        </div>
      </main>
    </Frame>
  )
}

/** Why no challenge is shown, and what comes next. */
function Absence({ error, isRead }: { error: ReturnType<typeof useAnswer>['error']; isRead: boolean }) {
  return (
    <PlainPanel aria-label="No challenge">
      {error !== null ? (
        <Failure error={error} />
      ) : !isRead ? (
        <Skeleton rows={6} label="The challenges are being read" />
      ) : (
        <EmptyState title="No challenge yet">
          <p>
            A version in Staging can challenge the one that serves; the page of models moves one there. Both predict the
            same bars until the test decides, or the deadline passes.
          </p>
        </EmptyState>
      )}
    </PlainPanel>
  )
}
