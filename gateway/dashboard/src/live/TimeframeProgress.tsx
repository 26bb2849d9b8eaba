// Before the first signal of a higher timeframe: what it waits for.

import type { TimeframeHealth } from '../contract'
import { countText } from '../lib/format'
import { PlainPanel } from '../ui/Panel'
import { ProgressBar } from '../ui/ProgressBar'
import text from '../ui/text.module.css'
import styles from './TimeframeProgress.module.css'

const TITLES = {
  filling: (name: string) => `Filling the ${name} history`,
  waiting: (name: string) => `The ${name} model comes next`,
  training: (name: string) => `Training the first ${name} model`,
  failed: (name: string) => `The training of the ${name} model failed`,
  serving: (name: string) => `A ${name} model serves`,
} as const

const TRAINING = 'It is judged out of sample; its first signal comes with the bars after it'

export function TimeframeProgress({ timeframe }: { timeframe: TimeframeHealth }) {
  const { timeframe: name, bars, model } = timeframe
  const title = TITLES[model.state](name)
  return (
    <PlainPanel aria-label={`Getting ${name} ready`}>
      <p className={text.eyebrow}>Before the first {name} signal</p>
      <h2 className={styles.title}>{title}</h2>
      <p className={text.lead}>{sentence(model.state === 'training' ? TRAINING : model.detail)}</p>
      {model.done !== null && <ProgressBar done={model.done} label={title} className={styles.bar} />}
      <p className={text.footNote}>
        {bars === 0 ? 'No bar of it is here yet' : `${countText(bars)} bars of it are here`}; the shorter timeframes go
        on meanwhile.
      </p>
    </PlainPanel>
  )
}

function sentence(words: string): string {
  return words && `${words[0]!.toUpperCase()}${words.slice(1)}.`
}
