// Every setting that is in force: its value, where that comes from, and by what name.

import { useState } from 'react'

import type { SettingList, SettingView } from '../contract'
import { useDenial } from '../lib/access'
import { countText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { Choices } from '../ui/Choices'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { TableScroll } from '../ui/TableScroll'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import styles from './EffectiveSettings.module.css'

export function EffectiveSettings() {
  const denied = useDenial('admin')
  const { data, error, reload } = useAnswer<SettingList>(denied === null ? '/api/system/config' : null)
  const [words, setWords] = useState('')
  const [choice, setChoice] = useState<'set' | 'all' | null>(null)
  const all = data?.settings ?? []
  const named = all.filter(({ source }) => source !== 'default')
  const isWhole = choice === 'all' || (choice === null && named.length === 0)
  const shown = (isWhole ? all : named).filter((setting) => fits(setting, words))
  return (
    <PlainPanel className={styles.panel} aria-label="Settings in force">
      <PanelHead>
        <h2>Settings in force</h2>
        {data !== null && (
          <div className={styles.aside}>
            <input
              id="find-setting"
              type="search"
              value={words}
              placeholder="Name or value"
              aria-label="Find a setting"
              onChange={(event) => setWords(event.target.value)}
            />
            <Choices aria-label="Which settings">
              <button type="button" aria-pressed={!isWhole} onClick={() => setChoice('set')}>
                Set {countText(named.length)}
              </button>
              <button type="button" aria-pressed={isWhole} onClick={() => setChoice('all')}>
                All {countText(all.length)}
              </button>
            </Choices>
          </div>
        )}
      </PanelHead>
      {denied !== null ? (
        <EmptyState title="Settings are shown to administrators">
          <p>{denied}.</p>
        </EmptyState>
      ) : error !== null ? (
        <Failure error={error} onRetry={reload} />
      ) : data === null ? (
        <Skeleton rows={8} label="The settings are being read" />
      ) : shown.length === 0 ? (
        <EmptyState title={words === '' ? 'Nothing was set: every setting has its default' : 'No setting is like that'}>
          <p>Variables, secret files and .env are read at the start; what they say appears here.</p>
        </EmptyState>
      ) : (
        <SettingTable settings={shown} />
      )}
      <p className={text.footNote}>
        Read at the start of each process. A value that may be a secret is never shown, here or in a log.
      </p>
    </PlainPanel>
  )
}

function fits({ name, value, named }: SettingView, words: string): boolean {
  const whole = `${name} ${value ?? ''} ${named ?? ''}`.toLowerCase()
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => whole.includes(word))
}

function SettingTable({ settings }: { settings: readonly SettingView[] }) {
  return (
    <TableScroll whole label="Settings in force, as a table">
      <table className={styles.settings}>
        <caption className="unseen">Every setting with its value and source</caption>
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">Value</th>
            <th scope="col">Source</th>
            <th scope="col">Named by</th>
          </tr>
        </thead>
        <tbody>
          {settings.map(({ name, value, masked, source, named, part }) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
                {part === 'pipeline' && <span className="muted"> pipeline</span>}
              </th>
              <td>
                {masked ? (
                  <span className="muted">
                    <span aria-hidden="true">••••••••</span> hidden
                  </span>
                ) : value === null || value === '' ? (
                  <span className="muted">not set</span>
                ) : (
                  <code>{value}</code>
                )}
              </td>
              <td>
                {source === 'default' ? <span className="muted">default</span> : <Tag tone="accent">{source}</Tag>}
              </td>
              <td>{named === null ? <span className="muted">–</span> : <code>{named}</code>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}
