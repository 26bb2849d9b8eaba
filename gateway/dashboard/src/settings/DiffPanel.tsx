// What differs between two versions, key by key; or the whole content.

import { useState } from 'react'

import type { ConfigList, ConfigVersion } from '../contract'
import { countText } from '../lib/format'
import { Choices } from '../ui/Choices'
import { Panel } from '../ui/Panel'
import text from '../ui/text.module.css'
import styles from './DiffPanel.module.css'
import { DiffTable } from './DiffTable'
import { diffOf } from './diff'
import { yamlText } from './yamlText'

type View = 'changes' | 'keys' | 'yaml'

const VIEWS: readonly (readonly [View, string])[] = [
  ['changes', 'Changes'],
  ['keys', 'All keys'],
  ['yaml', 'YAML'],
]

export function DiffPanel({ version, list }: { version: ConfigVersion; list: ConfigList }) {
  const others = list.configs.filter(({ config_id: id }) => id !== version.config_id).reverse()
  const [chosenId, setChosenId] = useState<string | null>(null)
  const [view, setView] = useState<View>(others.length > 0 ? 'changes' : 'keys')
  const base = others.find(({ config_id: id }) => id === chosenId) ?? usualBase(version, others, list.active)
  const rows = diffOf(base?.config_data ?? version.config_data, version.config_data)
  const changed = rows.filter(({ change }) => change !== 'same').length
  return (
    <Panel
      className={styles.panel}
      title={base === null ? 'Content' : `${countText(changed)} ${changed === 1 ? 'difference' : 'differences'}`}
      aside={
        <div className={styles.aside}>
          {base !== null && view !== 'yaml' && (
            <label className={styles.base}>
              from{' '}
              <select value={base.config_id} onChange={(event) => setChosenId(event.target.value)}>
                {others.map(({ config_id: id, status }) => (
                  <option key={id} value={id}>
                    {id} {status}
                  </option>
                ))}
              </select>
            </label>
          )}
          <Choices aria-label="How the content is shown">
            {VIEWS.filter(([name]) => name !== 'changes' || base !== null).map(([name, label]) => (
              <button key={name} type="button" aria-pressed={view === name} onClick={() => setView(name)}>
                {label}
              </button>
            ))}
          </Choices>
        </div>
      }
    >
      {view === 'yaml' ? (
        <pre className={styles.yaml} tabIndex={0} role="region" aria-label={`${version.config_id} as YAML`}>
          {yamlText(version.config_data)}
        </pre>
      ) : view === 'changes' && changed === 0 ? (
        <p className="muted">Both say the same.</p>
      ) : (
        <DiffTable
          rows={view === 'changes' ? rows.filter(({ change }) => change !== 'same') : rows}
          from={base?.config_id ?? null}
          to={version.config_id}
        />
      )}
      {view !== 'yaml' && <p className={text.footNote}>A key that is not said has its default.</p>}
    </Panel>
  )
}

/** What one compares with: the ACTIVE version; the ACTIVE one itself with the version before it. */
function usualBase(
  version: ConfigVersion,
  others: readonly ConfigVersion[],
  activeId: string | null,
): ConfigVersion | null {
  const before = others.find((each) => each.version_number < version.version_number)
  return others.find(({ config_id: id }) => id === activeId) ?? before ?? others.at(-1) ?? null
}
