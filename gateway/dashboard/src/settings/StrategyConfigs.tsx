// Strategies and the versions of their configs on the left, the chosen version on the right.

import { lazy, Suspense, useState } from 'react'

import type { ConfigList, ConfigVersion, StrategyList } from '../contract'
import { push } from '../lib/address'
import { useDenial } from '../lib/access'
import { SETTINGS } from '../lib/route'
import { useAnswer } from '../lib/useAnswer'
import { Button } from '../ui/Button'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import styles from '../ui/listAndDetail.module.css'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { asOfQuery } from '../lib/asOf'
import { linkToVersion, NEW } from './place'
import { VersionDetail } from './VersionDetail'
import { VersionList } from './VersionList'

const NewVersion = lazy(() => import('./NewVersion').then((module) => ({ default: module.NewVersion })))

const EVERY_MS = 5_000

/** `named` and `version` are what the address names; null: the first strategy, its ACTIVE version. */
export function StrategyConfigs({ named, version }: { named: string | null; version: string | null }) {
  const [asOf, setAsOf] = useState('')
  const [copied, setCopied] = useState<ConfigVersion | null>(null)
  const strategies = useAnswer<StrategyList>('/api/v1/strategies', EVERY_MS)
  const name = named ?? strategies.data?.strategies[0]?.name ?? null
  const path = name === null ? null : `/api/v1/strategies/${encodeURIComponent(name)}/configs${asOfQuery(asOf)}`
  const list = useAnswer<ConfigList>(path, EVERY_MS)
  const configs = list.data?.configs ?? []
  const active = configs.find((each) => each.config_id === list.data?.active) ?? null
  const shown = version === null ? (active ?? configs.at(-1) ?? null) : configs.find((c) => c.config_id === version)
  const edit = (from: ConfigVersion | null) => {
    setCopied(from)
    push(linkToVersion(name ?? 'ensemble', NEW))
  }
  return (
    <div className={styles.work}>
      <VersionList
        strategies={strategies.data?.strategies ?? []}
        name={name}
        list={list.data}
        shownId={shown?.config_id ?? null}
        asOf={asOf}
        onAsOf={setAsOf}
        onNew={() => edit(active)}
      />
      <div className={styles.detail}>
        {version === NEW ? (
          <Suspense>
            <NewVersion
              key={copied?.config_id ?? ''}
              strategy={name ?? ''}
              base={copied ?? active}
              onLeave={() => history.back()}
              onCreated={(strategy, id) => {
                list.reload()
                push(linkToVersion(strategy, id))
              }}
            />
          </Suspense>
        ) : shown && list.data ? (
          <VersionDetail
            key={shown.config_id}
            version={shown}
            list={list.data}
            isPast={asOf !== ''}
            onEdit={() => edit(shown)}
            onChanged={list.reload}
          />
        ) : (
          <Absence
            name={name}
            version={version}
            asOf={asOf}
            error={list.error ?? strategies.error}
            isRead={name === null ? strategies.data !== null : list.data !== null}
            onNow={() => setAsOf('')}
            onNew={() => edit(null)}
          />
        )}
      </div>
    </div>
  )
}

interface AbsenceProps {
  name: string | null
  version: string | null
  asOf: string
  error: ReturnType<typeof useAnswer>['error']
  isRead: boolean
  onNow: () => void
  onNew: () => void
}

/** Why no version is shown, and what comes next. */
function Absence({ name, version, asOf, error, isRead, onNow, onNew }: AbsenceProps) {
  const denied = useDenial('admin')
  if (error !== null)
    return (
      <PlainPanel aria-label="Not here">
        <Failure error={error} />
        {error.status === 404 && (
          <p className={styles.back}>
            <a href={SETTINGS}>To the strategies that have configs</a>
          </p>
        )}
      </PlainPanel>
    )
  if (!isRead)
    return (
      <PlainPanel aria-label="Getting ready">
        <Skeleton rows={8} label="The configs are being read" />
      </PlainPanel>
    )
  if (asOf !== '')
    return (
      <PlainPanel aria-label="Nothing at that time">
        <EmptyState title={version === null ? 'There was no config then' : `${version} was not there then`}>
          <p>The list on this page shows what stood at the time that is set above it.</p>
          <Button onClick={onNow}>Back to now</Button>
        </EmptyState>
      </PlainPanel>
    )
  if (name !== null && version !== null)
    return (
      <PlainPanel aria-label="Not here">
        <EmptyState title={`${name} has no config ${version}`}>
          <p>A version that is deprecated can be asked for 90 days; what was made with it names it for ever.</p>
        </EmptyState>
      </PlainPanel>
    )
  return (
    <PlainPanel aria-label="No configs yet">
      <EmptyState title="No configs yet">
        <p>
          The shipped config becomes version 1 as soon as the history of the markets is filled. Until then signals
          follow its values.
        </p>
        <Button disabled={denied !== null} onClick={onNew}>
          Write one now
        </Button>
        {denied !== null && <p className="muted">{denied}.</p>}
      </EmptyState>
    </PlainPanel>
  )
}
