// The versions of a strategy's config, newest first, as they stand now or stood at a time.

import type { ConfigList, ConfigVersion, StrategySummary } from '../contract'
import { useDenial } from '../lib/access'
import { push } from '../lib/address'
import { classes } from '../lib/classes'
import { stampText } from '../lib/format'
import { Button } from '../ui/Button'
import { PlainPanel } from '../ui/Panel'
import styles from '../ui/sideList.module.css'
import { Skeleton } from '../ui/Skeleton'
import { linkToStrategy, linkToVersion } from './place'
import { StatusTag } from './StatusTag'

interface Props {
  strategies: readonly StrategySummary[]
  name: string | null
  list: ConfigList | null
  shownId: string | null
  asOf: string
  onAsOf: (asOf: string) => void
  onNew: () => void
}

export function VersionList({ strategies, name, list, shownId, asOf, onAsOf, onNew }: Props) {
  const denied = useDenial('admin')
  const newestFirst = [...(list?.configs ?? [])].reverse()
  return (
    <PlainPanel className={styles.panel} aria-label="Versions">
      <div className={styles.head}>
        <div className={styles.line}>
          <h2>Versions</h2>
          {list && <span className="muted">revision {list.revision}</span>}
        </div>
        {strategies.length > 1 && name !== null && (
          <select aria-label="Strategy" value={name} onChange={(event) => push(linkToStrategy(event.target.value))}>
            {strategies.map((each) => (
              <option key={each.name} value={each.name}>
                {each.name}
              </option>
            ))}
          </select>
        )}
        <div className={styles.asOf}>
          <label htmlFor="as-of">As of, UTC</label>
          <input id="as-of" type="datetime-local" value={asOf} onChange={(event) => onAsOf(event.target.value)} />
          <Button disabled={asOf === ''} onClick={() => onAsOf('')}>
            Now
          </Button>
        </div>
        <Button id="new-version" className={styles.write} disabled={denied !== null} onClick={onNew}>
          New version <kbd aria-hidden="true">n</kbd>
        </Button>
        {denied !== null && <p className={classes(styles.note, 'muted')}>{denied}.</p>}
      </div>
      {list === null && name !== null && (
        <Skeleton className={styles.ghosts} rows={3} label="Versions are being read" />
      )}
      <nav id="versions" className={styles.versions} aria-label="Versions, newest first">
        {newestFirst.map((version) => (
          <VersionLink key={version.config_id} version={version} isShown={version.config_id === shownId} />
        ))}
      </nav>
    </PlainPanel>
  )
}

function VersionLink({ version, isShown }: { version: ConfigVersion; isShown: boolean }) {
  const { strategy_name: strategy, config_id: id, description, deployed_at: deployed, created_at: created } = version
  return (
    <a
      className={styles.version}
      href={linkToVersion(strategy, id)}
      {...(isShown ? { 'aria-current': 'true' as const } : {})}
    >
      <b>{id}</b>
      <StatusTag status={version.status} />
      {description !== '' && <span className={styles.description}>{description}</span>}
      <span className={classes(styles.when, 'muted')}>
        {deployed === null
          ? `written ${stampText(Date.parse(created))}`
          : `active from ${stampText(Date.parse(deployed))}`}
      </span>
    </a>
  )
}
