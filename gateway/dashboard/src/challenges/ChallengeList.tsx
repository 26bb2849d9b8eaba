// The challenges of a model, newest first, and what could be challenged next.

import type { ChallengeList as Challenges, ChallengeView, VersionView } from '../contract'
import { useDenial } from '../lib/access'
import { rescope } from '../lib/address'
import { classes } from '../lib/classes'
import { stampText } from '../lib/format'
import { CHALLENGES, placeBelow } from '../lib/route'
import { TimeframeSwitch } from '../live/TimeframeSwitch'
import { Button } from '../ui/Button'
import { PlainPanel } from '../ui/Panel'
import styles from '../ui/sideList.module.css'
import { Tag } from '../ui/Tag'
import { RECOMMENDATIONS, STATUS_TONES } from './words'

interface Props {
  list: Challenges | null
  shownId: string | null
  versions: readonly VersionView[]
  /** Let a version challenge the one that serves. */
  onChallenge: (version: VersionView) => void
}

export function ChallengeList({ list, shownId, versions, onChallenge }: Props) {
  const denied = useDenial('operate')
  const isActive = list?.challenges.some(({ status }) => status === 'active') ?? false
  const staged = versions.filter(({ stage }) => stage === 'Staging')
  return (
    <PlainPanel className={styles.panel} aria-label="Challenges">
      <div className={styles.head}>
        <div className={styles.line}>
          <h2>Challenges</h2>
          <TimeframeSwitch onChoose={(timeframe) => rescope({ timeframe })} />
        </div>
        {!isActive &&
          staged.map((version) => (
            <Button
              key={version.version}
              className={styles.write}
              disabled={denied !== null}
              onClick={() => onChallenge(version)}
            >
              Challenge with version {version.version}
            </Button>
          ))}
        {!isActive && list !== null && staged.length === 0 && (
          <p className={classes(styles.note, 'muted')}>No version is in Staging.</p>
        )}
        {denied !== null && <p className={classes(styles.note, 'muted')}>{denied}.</p>}
      </div>
      <nav id="versions" className={styles.versions} aria-label="Challenges, newest first">
        {list?.challenges.map((challenge) => (
          <ChallengeLink
            key={challenge.challenge_id}
            challenge={challenge}
            isShown={challenge.challenge_id === shownId}
          />
        ))}
      </nav>
    </PlainPanel>
  )
}

function ChallengeLink({ challenge, isShown }: { challenge: ChallengeView; isShown: boolean }) {
  const { challenge_id: id, number, status, recommendation, champion, challenger, created } = challenge
  return (
    <a
      className={styles.version}
      href={placeBelow(CHALLENGES, id)}
      {...(isShown ? { 'aria-current': 'true' as const } : {})}
    >
      <b>
        {number}: version {challenger.version ?? '?'} against {champion.version ?? '?'}
      </b>
      <Tag tone={STATUS_TONES[status]}>{status}</Tag>
      <span className={styles.description}>{RECOMMENDATIONS[recommendation][0]}</span>
      <span className={classes(styles.when, 'muted')}>since {stampText(Date.parse(created))}</span>
    </a>
  )
}
