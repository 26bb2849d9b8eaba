// Parts of a result that lie in files: where each of them is. The gateway reads no files.

import { Fact, Facts } from '../ui/Facts'
import { Panel } from '../ui/Panel'
import styles from './ResultFiles.module.css'

export function ResultFiles({ urls }: { urls: Record<string, string> }) {
  const files = Object.entries(urls)
  if (files.length === 0) return null
  return (
    <Panel title="In files">
      <Facts>
        {files.map(([name, url]) => (
          <Fact key={name} name={name.replaceAll('_', ' ')}>
            {url.startsWith('https://') ? (
              <a href={url}>{url}</a>
            ) : (
              <code className={styles.url}>{url.replace(/^file:\/\//, '')}</code>
            )}
          </Fact>
        ))}
      </Facts>
    </Panel>
  )
}
