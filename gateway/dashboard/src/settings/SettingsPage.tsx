// The settings page: configs of strategies with their history, and every setting that is in force.

import { type ComponentType, lazy, Suspense } from 'react'

import { push, useAddress } from '../lib/address'
import type { KeyBinding } from '../lib/keys'
import { SETTINGS } from '../lib/route'
import { Choices } from '../ui/Choices'
import type { FrameProps } from '../ui/frame'
import { GettingReady } from '../ui/GettingReady'
import styles from '../ui/page.module.css'
import { SkipLink } from '../ui/SkipLink'
import { stepItem } from '../ui/stepItem'
import { EFFECTIVE_PLACE, placeOf } from './place'
import { StrategyConfigs } from './StrategyConfigs'

const EffectiveSettings = lazy(() =>
  import('./EffectiveSettings').then((module) => ({ default: module.EffectiveSettings })),
)

interface Props {
  /** The frame around the page: it listens to the page's keys. */
  Frame: ComponentType<FrameProps>
  /** Whether the gateway still reads its topics. */
  isStarting: boolean
}

const TAB_KEYS: readonly KeyBinding[] = [
  { keys: ['1'], meaning: 'Strategy configs', act: () => push(SETTINGS) },
  { keys: ['2'], meaning: 'Settings in force', act: () => push(EFFECTIVE_PLACE) },
]
const CONFIG_KEYS: readonly KeyBinding[] = [
  { keys: ['j', 'k'], meaning: 'Older, newer version', act: (key) => stepItem(key === 'j' ? 1 : -1) },
  { keys: ['n'], meaning: 'New version', act: () => document.getElementById('new-version')?.click() },
  { keys: ['e'], meaning: 'Edit a copy of the version', act: () => document.getElementById('edit-copy')?.click() },
  { keys: ['a'], meaning: 'Try to activate: nothing changes yet', act: () => document.getElementById('try')?.click() },
  { keys: ['Ctrl+Enter'], meaning: 'Create what stands in the editor' },
]
const EFFECTIVE_KEYS: readonly KeyBinding[] = [
  { keys: ['/'], meaning: 'Find a setting', act: () => document.getElementById('find-setting')?.focus() },
]

export function SettingsPage({ Frame, isStarting }: Props) {
  const hash = useAddress((address) => address.hash)
  const { tab, strategy, version } = placeOf(hash)
  return (
    <Frame
      skipLink={<SkipLink to="settings">Skip to the settings</SkipLink>}
      keys={[...TAB_KEYS, ...(tab === 'configs' ? CONFIG_KEYS : EFFECTIVE_KEYS)]}
      help="A change is a command that one processor decides. It counts from a bar that is still to come, and stands in the audit for ever."
      footer={
        <>
          Analysis only: nothing here can place an order. <a href="/docs">API</a>
        </>
      }
    >
      <main id="settings" className={styles.main} tabIndex={-1}>
        <Choices accent className={styles.tabs} aria-label="What is shown">
          <button type="button" aria-pressed={tab === 'configs'} onClick={() => push(SETTINGS)}>
            Strategy configs
          </button>
          <button type="button" aria-pressed={tab === 'effective'} onClick={() => push(EFFECTIVE_PLACE)}>
            Settings in force
          </button>
        </Choices>
        {isStarting ? (
          <GettingReady />
        ) : tab === 'configs' ? (
          <StrategyConfigs named={strategy} version={version} />
        ) : (
          <Suspense fallback={<GettingReady />}>
            <EffectiveSettings />
          </Suspense>
        )}
      </main>
    </Frame>
  )
}
