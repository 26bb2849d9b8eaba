// The operator page: how the pipeline runs, what it could not take, who may ask and who did what.

import { type ComponentType, lazy, Suspense } from 'react'

import { push, useAddress } from '../lib/address'
import { GatewayAway } from '../live/GatewayAway'
import { HealthBanner } from '../live/HealthBanner'
import { useLive } from '../live/LiveStore'
import { Choices } from '../ui/Choices'
import type { FrameProps } from '../ui/frame'
import { GettingReady } from '../ui/GettingReady'
import layout from '../ui/page.module.css'
import { SkipLink } from '../ui/SkipLink'
import { Events } from './Events'
import styles from './OperatorPage.module.css'
import { Pipeline } from './Pipeline'
import { tabOf, TABS } from './place'

// Tabs that are not shown first.
const DeadLetters = lazy(() => import('./DeadLetters').then((module) => ({ default: module.DeadLetters })))
const Findings = lazy(() => import('./Findings').then((module) => ({ default: module.Findings })))
const Keys = lazy(() => import('./Keys').then((module) => ({ default: module.Keys })))
const AuditTrail = lazy(() => import('./AuditTrail').then((module) => ({ default: module.AuditTrail })))

interface Props {
  /** The frame around the page: it listens to the page's keys. */
  Frame: ComponentType<FrameProps>
}

export function OperatorPage({ Frame }: Props) {
  const shown = useAddress(({ hash }) => tabOf(hash))
  const health = useLive((state) => state.health)
  const outage = useLive((state) => state.outage)
  const isStarting = health === null || health.status === 'starting'
  return (
    <Frame
      className={styles.page}
      skipLink={<SkipLink to="operator">Skip to the system</SkipLink>}
      keys={TABS.map(({ name, place }, at) => ({ keys: [`${at + 1}`], meaning: name, act: () => push(place) }))}
      help="What could not be read is kept with its cause, never dropped. Every change is tried first, and stands in the audit for ever."
      footer={
        <>
          Analysis only: nothing here can place an order. <a href="/docs">API</a>
        </>
      }
    >
      <HealthBanner />
      <main id="operator" className={layout.main} tabIndex={-1}>
        <Choices accent className={layout.tabs} aria-label="What is shown">
          {TABS.map(({ tab, name, place }) => (
            <button key={tab} type="button" aria-pressed={tab === shown} onClick={() => push(place)}>
              {name}
            </button>
          ))}
        </Choices>
        {health === null && outage ? (
          <GatewayAway error={outage.error} />
        ) : isStarting ? (
          <GettingReady />
        ) : shown === 'pipeline' ? (
          <>
            <Pipeline health={health} />
            <Events />
          </>
        ) : (
          <Suspense fallback={<GettingReady />}>
            {shown === 'records' ? (
              <>
                <DeadLetters />
                <Findings />
              </>
            ) : (
              <>
                <Keys />
                <AuditTrail />
              </>
            )}
          </Suspense>
        )}
      </main>
    </Frame>
  )
}
