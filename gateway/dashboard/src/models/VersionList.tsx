// The versions of a timeframe, newest first, as they stand now or stood at a market time.

import type { TrainingView, VersionList as Versions, VersionView } from '../contract'
import { classes } from '../lib/classes'
import { stampText, valueText } from '../lib/format'
import type { Timeframe } from '../lib/timeframe'
import { TimeframeSwitch } from '../live/TimeframeSwitch'
import { Button } from '../ui/Button'
import { PlainPanel } from '../ui/Panel'
import { ProgressBar } from '../ui/ProgressBar'
import styles from '../ui/sideList.module.css'
import { linkToVersion } from './place'
import { StageTag } from './StageTag'

interface Props {
  list: Versions | null
  /** Number of the version that is shown beside the list. */
  shown: number | null
  asOf: string
  onAsOf: (asOf: string) => void
  onTimeframe: (timeframe: Timeframe) => void
  training: TrainingView | null
}

export function VersionList({ list, shown, asOf, onAsOf, onTimeframe, training }: Props) {
  const newestFirst = [...(list?.versions ?? [])].reverse()
  const isTraining = training !== null && training.done < 1 && training.stage !== 'failed'
  return (
    <PlainPanel className={styles.panel} aria-label="Versions">
      <div className={styles.head}>
        <div className={styles.line}>
          <h2>Versions</h2>
          {list && <span className="muted">revision {list.revision}</span>}
        </div>
        <TimeframeSwitch className={styles.write} onChoose={onTimeframe} />
        <div className={styles.asOf}>
          <label htmlFor="as-of">As of, market time, UTC</label>
          <input id="as-of" type="datetime-local" value={asOf} onChange={(event) => onAsOf(event.target.value)} />
          <Button disabled={asOf === ''} onClick={() => onAsOf('')}>
            Now
          </Button>
        </div>
        {isTraining && <Training step={training} />}
      </div>
      <nav id="versions" className={styles.versions} aria-label="Versions, newest first">
        {newestFirst.map((version) => (
          <VersionLink key={version.version} version={version} isShown={version.version === shown} />
        ))}
      </nav>
    </PlainPanel>
  )
}

function Training({ step: { timeframe, note, done } }: { step: TrainingView }) {
  const words = `Training${timeframe === null ? '' : ` ${timeframe}`}: ${note}`
  return (
    <div className={styles.note}>
      <p>{words}</p>
      <ProgressBar label={words} done={done} />
    </div>
  )
}

function VersionLink({ version, isShown }: { version: VersionView; isShown: boolean }) {
  const { version: number, model_version: id, stage, since, qualified, metrics } = version
  const edge = gain(metrics.log_loss, metrics.prior_log_loss)
  return (
    <a
      className={styles.version}
      href={linkToVersion(number)}
      {...(isShown ? { 'aria-current': 'true' as const } : {})}
    >
      <b>
        {number} <code className="muted">{id.slice(0, 8)}</code>
      </b>
      <StageTag stage={stage} />
      <span className={styles.description}>
        {qualified ? 'qualified' : <span className="warn">not qualified</span>}
        {edge !== null && `, ${valueText(edge)} nats better than class shares`}
      </span>
      <span className={classes(styles.when, 'muted')}>since {stampText(Date.parse(since))}</span>
    </a>
  )
}

function gain(loss: number | null, prior: number | null): number | null {
  return loss === null || prior === null ? null : prior - loss
}
