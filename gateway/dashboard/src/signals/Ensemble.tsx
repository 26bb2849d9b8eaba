// What each model of the ensemble says, and the regime in which it says it.

import type { SignalItem } from '../contract'
import { percent } from '../lib/format'
import { Fact, Facts } from '../ui/Facts'
import { Panel } from '../ui/Panel'
import { RegimeBar } from '../ui/RegimeMark'
import styles from './Ensemble.module.css'

export function Ensemble({ signal }: { signal: SignalItem }) {
  return (
    <Panel title="Models and regime">
      <table className={styles.members}>
        <caption className="unseen">What each member of the ensemble says, before pooling</caption>
        <thead>
          <tr>
            <th scope="col">Member</th>
            <th scope="col" className="down">
              sell
            </th>
            <th scope="col" className="flat">
              neutral
            </th>
            <th scope="col" className="up">
              buy
            </th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(signal.members).map(([name, p]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{percent(p.sell)}</td>
              <td>{percent(p.neutral)}</td>
              <td>{percent(p.buy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Facts>
        <Fact name="Regime">
          <RegimeBar regime={signal.regime} label="Regime probabilities" className={styles.regime} />
          bear {percent(signal.regime.bear)} · side {percent(signal.regime.sideways)} · bull{' '}
          {percent(signal.regime.bull)}
        </Fact>
        <Fact name="Entropy">{signal.regime.entropy.toFixed(2)} of 1</Fact>
        <Fact name="Trend state">{signal.regime.trend_state.toLowerCase()}</Fact>
        <Fact name="Answered by">{signal.why ?? signal.answered_by ?? 'universal'}</Fact>
        {Object.entries(signal.strategy_weights).map(([name, weight]) => (
          <Fact key={name} name={name.replaceAll('_', ' ')}>
            {percent(weight)}
          </Fact>
        ))}
      </Facts>
    </Panel>
  )
}
