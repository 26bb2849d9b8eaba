// One version of a config: what it is, how it becomes ACTIVE, and what differs from another one.

import { useRef, useState } from 'react'

import type { ConfigList, ConfigVersion } from '../contract'
import { useDenial } from '../lib/access'
import { stampText } from '../lib/format'
import { Button } from '../ui/Button'
import { CommandPanel } from '../ui/CommandPanel'
import { ItemFact, ItemFacts } from '../ui/ItemFacts'
import styles from '../ui/itemHead.module.css'
import { PlainPanel } from '../ui/Panel'
import text from '../ui/text.module.css'
import { DiffPanel } from './DiffPanel'
import { StatusTag } from './StatusTag'

type Action = 'activate' | 'deprecate'

const WORDS = {
  activate: { title: 'Activate', confirm: 'Activate it', verb: 'activated' },
  deprecate: { title: 'Give up', confirm: 'Give it up', verb: 'given up' },
} as const

interface Props {
  version: ConfigVersion
  list: ConfigList
  /** Whether the list shows a time that has passed. */
  isPast: boolean
  onEdit: () => void
  onChanged: () => void
}

export function VersionDetail({ version, list, isPast, onEdit, onChanged }: Props) {
  const { strategy_name: strategy, config_id: id } = version
  const [action, setAction] = useState<Action | null>(null)
  const denied = useDenial('admin')
  const opener = useRef<HTMLButtonElement>(null)
  const canActivate = version.status !== 'ACTIVE' && !isPast
  const isTrying = action !== null
  return (
    <>
      <PlainPanel className={styles.head} aria-label={`Version ${version.config_id}`}>
        <div className={styles.title}>
          <p className={text.eyebrow}>{version.strategy_name}</p>
          <h2>
            {version.config_id} <StatusTag status={version.status} />
          </h2>
          {version.description !== '' && <p className={text.lead}>{version.description}</p>}
        </div>
        <div className={styles.actions}>
          {canActivate && (
            <Button
              id="try"
              ref={opener}
              kind="main"
              disabled={denied !== null || isTrying}
              onClick={() => setAction('activate')}
            >
              Try to activate <kbd aria-hidden="true">a</kbd>
            </Button>
          )}
          <Button id="edit-copy" disabled={denied !== null} onClick={onEdit}>
            Edit a copy <kbd aria-hidden="true">e</kbd>
          </Button>
          {version.status === 'DRAFT' && !isPast && (
            <Button disabled={denied !== null || isTrying} onClick={() => setAction('deprecate')}>
              Give up
            </Button>
          )}
          {denied !== null && <p className={text.aside}>{denied}.</p>}
        </div>
        <Facts version={version} />
        {isPast && <p className={text.footNote}>As it stood at the time that is set above the list.</p>}
      </PlainPanel>
      {action !== null && (
        <CommandPanel
          {...WORDS[action]}
          title={`${WORDS[action].title} ${id}`}
          subject={`the configs of ${strategy}`}
          path={`/api/v1/strategies/${encodeURIComponent(strategy)}/configs/${id}/${action}`}
          revision={list.revision}
          onChanged={onChanged}
          onLeave={() => {
            setAction(null)
            requestAnimationFrame(() => opener.current?.focus())
          }}
        />
      )}
      <DiffPanel version={version} list={list} />
    </>
  )
}

const AS_SHIPPED = 'As shipped' // stored by the pipeline, which knows market time alone

function Facts({ version }: { version: ConfigVersion }) {
  const { deployed_at: deployed, effective_from_ms: fromMs, superseded_by: successor, expires_at: expires } = version
  const clock = version.description === AS_SHIPPED ? { note: 'market time' } : {}
  return (
    <ItemFacts>
      <ItemFact name="Written" value={stampText(Date.parse(version.created_at))} {...clock} />
      {deployed !== null && <ItemFact name="Activated" value={stampText(Date.parse(deployed))} {...clock} />}
      {fromMs !== null && <ItemFact name="Counts from" value={stampText(fromMs)} note="market time" />}
      {successor !== null && <ItemFact name="Replaced by" value={successor} />}
      {expires !== null && <ItemFact name="Can be activated until" value={stampText(Date.parse(expires))} />}
      <ItemFact name="SHA-256" value={version.config_hash.slice(0, 12)} title={version.config_hash} />
    </ItemFacts>
  )
}
