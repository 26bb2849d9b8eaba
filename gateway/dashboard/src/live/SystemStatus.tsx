// Behind the lights: processes, the canary's way, rates by topic, rejected records, the model.

import type { Health, ModelList } from '../contract'
import { countText, percent, signedPercent, stampText } from '../lib/format'
import { EmptyState } from '../ui/EmptyState'
import { Fact, Facts } from '../ui/Facts'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import { CanaryWay } from './CanaryWay'
import { useLive } from './LiveStore'
import { ProcessTable } from './ProcessTable'
import { RateTable } from './RateTable'
import styles from './SystemStatus.module.css'

export function SystemStatus() {
  const health = useLive((state) => state.health)
  const models = useLive((state) => state.models)
  if (health === null) return <EmptyState title="Nothing heard from the gateway yet" />
  return (
    <div className={styles.system}>
      <section>
        <h3>Processes</h3>
        <ProcessTable processes={health.processes} />
      </section>
      <section>
        <h3>Canary</h3>
        <CanaryWay trace={health.canary} />
      </section>
      <Model models={models} />
      <Rejected health={health} />
      <section>
        <h3>Rates</h3>
        <RateTable windows={health.windows} />
      </section>
      <p className={text.footNote}>
        Cache {health.cache} · {health.websocket_clients} stream clients ·{' '}
        {health.gpu_available ? 'GPU in use' : 'no GPU'} · {countText(health.views_lag_records)} records not yet read
      </p>
    </div>
  )
}

function Model({ models }: { models: ModelList | null }) {
  const all = Object.entries(models?.serving ?? {})
  return (
    <section>
      <h3>Model in service</h3>
      {all.length === 0 && <EmptyState title="None yet" />}
      {all.map(([strategy, { metrics, ...model }]) => (
        <Facts key={strategy}>
          <Fact name={strategy}>
            <code>{model.model_version}</code>{' '}
            <Tag tone={model.qualified ? 'good' : 'warn'}>{model.qualified ? 'qualified' : 'unqualified'}</Tag>
          </Fact>
          <Fact name="Gates">
            {Object.entries(model.gates)
              .map(([gate, passed]) => `${gate} ${passed ? '✓' : '✕'}`)
              .join(' · ')}
          </Fact>
          <Fact name="Log-loss">
            {metrics.log_loss?.toFixed(4) ?? '–'}{' '}
            <span className="muted">class prior {metrics.prior_log_loss?.toFixed(4) ?? '–'}</span>
          </Fact>
          <Fact name="Edge, 5 to 95%">
            {metrics.log_loss_edge_interval?.map((edge) => edge.toFixed(4).replace('-', '−')).join(' to ') ?? '–'}{' '}
            <span className="muted">prior less model</span>
          </Fact>
          <Fact name="Calibration">
            {percent(metrics.calibration_error, 1)} <span className="muted">expected error</span>
          </Fact>
          <Fact name="Accuracy">
            {percent(metrics.accuracy, 1)}{' '}
            <span className="muted">
              {countText(metrics.rows)} rows out of sample, {metrics.folds} folds
            </span>
          </Fact>
          <Fact name="Per call">
            {signedPercent(metrics.net_return_per_signal, 3)}{' '}
            <span className="muted">net, {countText(metrics.directional_calls)} calls</span>
          </Fact>
          <Fact name="Trained">
            {model.trained_from === null || model.trained_to === null
              ? 'unknown: imported'
              : `${stampText(Date.parse(model.trained_from))} to ${stampText(Date.parse(model.trained_to))}`}
          </Fact>
          <Fact name="Why">{model.reason}</Fact>
        </Facts>
      ))}
    </section>
  )
}

function Rejected({ health }: { health: Health }) {
  const all = Object.entries(health.dead_letters)
  return (
    <section>
      <h3>Rejected records</h3>
      {all.length === 0 ? (
        <p className="muted">None. What cannot be read is kept with its cause, never dropped.</p>
      ) : (
        <ul className={styles.letters}>
          {all.map(([topic, { count, newest }]) => (
            <li key={topic}>
              <code>{topic}</code> <b>{countText(count)}</b>
              <span className={styles.detail}>
                newest: {newest.kind} by {newest.consumer}, {newest.key}: {newest.cause}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
