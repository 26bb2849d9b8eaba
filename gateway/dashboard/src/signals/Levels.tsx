// The prices that a signal names, and what became of it.

import type { SignalItem } from '../contract'
import { closeText, percent, priceText, signedPercent } from '../lib/format'
import styles from './Levels.module.css'

export function Levels({ signal }: { signal: SignalItem }) {
  const { reference_price: reference, target_price: target, invalidation_price: wrong, score } = signal
  const away = (price: number | null) => (price === null ? '' : signedPercent(price / reference - 1))
  const expected = signal.expected_net_return
  const reward = target === null || wrong === null ? null : Math.abs(target - reference) / Math.abs(reference - wrong)
  return (
    <dl className={styles.levels}>
      <Level name="Reference" value={priceText(reference)} note="close at t" />
      {reward !== null && (
        <>
          <Level name="Target" value={priceText(target, reference)} note={away(target)} />
          <Level name="Invalidation" value={priceText(wrong, reference)} note={away(wrong)} />
          <Level name="Reward / risk" value={reward.toFixed(2)} note="by these levels" />
        </>
      )}
      <Level name="Right beyond" value={`±${percent(signal.threshold, 2)}`} note="by the horizon" />
      {expected && (
        <Level
          name="Expected"
          value={signedPercent(expected.mean)}
          note={`${signedPercent(expected.low)} to ${signedPercent(expected.high)} after costs`}
        />
      )}
      {score ? (
        <Level
          name="Came to"
          value={score.direction === 'neutral' ? (score.outcome ?? 'unknown') : signedPercent(score.net_return)}
          note={score.cost === null ? 'outcome unknown' : `costs ${percent(score.cost, 2)}`}
        />
      ) : (
        <Level name="Expires" value={closeText(signal.expires_ms)} note={`${signal.horizon_bars} bars`} />
      )}
    </dl>
  )
}

function Level({ name, value, note }: { name: string; value: string; note: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
      <dd className={styles.note}>{note || '\u00a0'}</dd>
    </div>
  )
}
