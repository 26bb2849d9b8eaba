// Behind the lights: processes, the canary's way, rates by topic, rejected records, the model.

import type { CanaryTrace, Health, ModelList, MonitorWindow, ProcessView } from '../contract'
import { countText, durationText, percent, signedPercent, stampText } from '../lib/format'
import { EmptyState } from '../ui/EmptyState'
import { Fact, Facts } from '../ui/Facts'
import { Meter } from '../ui/Meter'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import { useLive } from './LiveStore'
import styles from './SystemStatus.module.css'

export function SystemStatus() {
  const health = useLive((state) => state.health)
  const models = useLive((state) => state.models)
  if (health === null) return <EmptyState title="Nothing heard from the gateway yet" />
  return (
    <div className={styles.system}>
      <Processes health={health} />
      <Canary trace={health.canary} />
      <Model models={models} />
      <Rejected health={health} />
      <Windows windows={health.windows} />
      <p className={text.footNote}>
        Cache {health.cache} · {health.websocket_clients} stream clients ·{' '}
        {health.gpu_available ? 'GPU in use' : 'no GPU'} · {countText(health.views_lag_records)} records not yet read
      </p>
    </div>
  )
}

const TONES: Record<string, 'good' | 'warn' | 'bad'> = {
  running: 'good',
  degraded: 'bad',
  failed: 'bad',
  silent: 'bad',
  holding: 'warn',
}

function old({ state }: ProcessView): boolean {
  return state === 'silent' || state === 'stopped'
}

function Processes({ health }: { health: Health }) {
  const all = Object.entries(health.processes)
  return (
    <section>
      <h3>Processes</h3>
      {all.length === 0 ? (
        <EmptyState title="No process has spoken yet" />
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">State</th>
              <th scope="col">Lag</th>
              <th scope="col">Device</th>
            </tr>
          </thead>
          <tbody>
            {all.map(([name, process]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>
                  <Tag tone={TONES[process.state] ?? ''}>{process.state}</Tag>
                  {process.done !== null && process.done < 1 && ` ${percent(process.done)}`}
                  {old(process) && <span className="muted"> as of {stampText(Date.parse(process.said_at))}</span>}
                  {process.detail && <span className={styles.detail}>{process.detail}</span>}
                </td>
                <td>{process.lag_records === null ? '–' : countText(process.lag_records)}</td>
                <td className={old(process) ? 'muted' : ''}>{process.device ?? '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function Canary({ trace }: { trace: CanaryTrace | null }) {
  if (trace === null)
    return (
      <section>
        <h3>Canary</h3>
        <EmptyState title="No bar has been followed yet" />
      </section>
    )
  const stages = Object.entries(trace.stages_ms)
  const slowest = Math.max(...stages.map(([, ms]) => ms ?? 0), 1)
  return (
    <section>
      <h3>Canary</h3>
      <p className="muted">
        The {trace.symbol} bar of {stampText(trace.event_time_ms)}, followed through the chain
        {trace.complete ? '.' : '; it has not arrived everywhere.'}
      </p>
      <ol className={styles.canary}>
        {stages.map(([topic, ms]) => (
          <li key={topic}>
            <code>{topic}</code>
            <Meter share={(ms ?? 0) / slowest} tone="accent" className={styles.meter} />
            <span>{ms === null ? 'not seen' : durationText(ms)}</span>
          </li>
        ))}
      </ol>
    </section>
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
            {stampText(Date.parse(model.trained_from))} to {stampText(Date.parse(model.trained_to))}
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

function Windows({ windows }: { windows: MonitorWindow[] }) {
  const topics = [...new Set(windows.map((window) => window.topic))]
  return (
    <section>
      <h3>Rates</h3>
      {topics.length === 0 ? (
        <EmptyState title="The monitor has not reported yet" />
      ) : (
        <table>
          <caption className="muted">
            By topic, all symbols; counts are approximate, they include open transactions
          </caption>
          <thead>
            <tr>
              <th scope="col">Topic</th>
              <th scope="col">Per s</th>
              <th scope="col">Late, p50</th>
              <th scope="col">Late, max</th>
              <th scope="col">Silent</th>
            </tr>
          </thead>
          <tbody>
            {topics.map((topic) => {
              const own = windows.filter((window) => window.topic === topic)
              const most = (name: 'lateness_p50_ms' | 'lateness_max_ms' | 'staleness_ms') =>
                durationText(
                  own.reduce<number | null>((top, w) => (w[name] === null ? top : Math.max(top ?? 0, w[name])), null),
                )
              return (
                <tr key={topic}>
                  <th scope="row">
                    <code>{topic}</code>
                  </th>
                  <td>{own.reduce((sum, window) => sum + window.per_second, 0).toFixed(1)}</td>
                  <td>{most('lateness_p50_ms')}</td>
                  <td>{most('lateness_max_ms')}</td>
                  <td>{most('staleness_ms')}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
    </section>
  )
}
