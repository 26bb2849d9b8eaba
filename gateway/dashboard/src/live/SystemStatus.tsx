// Behind the lights: processes, the canary's way, rates by topic, rejected records, the model.

import type { CanaryTrace, Health, ModelList, MonitorWindow } from '../contract'
import { useLive } from './LiveStore'
import { countText, durationText, percent, signedPercent, stampText } from '../lib/format'
import { Nothing } from '../ui/marks'

export function SystemStatus() {
  const health = useLive((state) => state.health)
  const models = useLive((state) => state.models)
  if (health === null) return <Nothing title="Nothing heard from the gateway yet" />
  return (
    <div className="system">
      <Processes health={health} />
      <Canary trace={health.canary} />
      <Model models={models} />
      <Rejected health={health} />
      <Windows windows={health.windows} />
      <p className="muted foot-note">
        Cache {health.cache} · {health.websocket_clients} stream clients · {health.gpu_available ? 'GPU in use' : 'no GPU'} ·{' '}
        {countText(health.views_lag_records)} records not yet read
      </p>
    </div>
  )
}

const TONES: Record<string, string> = { running: 'good', degraded: 'bad', failed: 'bad', holding: 'warn' }

function Processes({ health }: { health: Health }) {
  const all = Object.entries(health.processes)
  return (
    <section>
      <h3>Processes</h3>
      {all.length === 0 ? (
        <Nothing title="No process has spoken yet" />
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
                  <span className={`tag ${TONES[process.state] ?? ''}`}>{process.state}</span>
                  {process.done !== null && process.done < 1 && ` ${percent(process.done)}`}
                  {process.detail && <span className="muted detail">{process.detail}</span>}
                </td>
                <td>{process.lag_records === null ? '–' : countText(process.lag_records)}</td>
                <td>{process.device ?? '–'}</td>
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
        <Nothing title="No bar has been followed yet" />
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
      <ol className="canary">
        {stages.map(([topic, ms]) => (
          <li key={topic}>
            <code>{topic}</code>
            <span className="meter" aria-hidden="true">
              <i className="accent" style={{ width: `${((ms ?? 0) / slowest) * 100}%` }} />
            </span>
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
      {all.length === 0 && <Nothing title="None yet" />}
      {all.map(([strategy, { metrics, ...model }]) => (
        <dl key={strategy} className="facts">
          <dt>{strategy}</dt>
          <dd>
            <code>{model.model_version}</code>{' '}
            <span className={`tag ${model.qualified ? 'good' : 'warn'}`}>{model.qualified ? 'qualified' : 'unqualified'}</span>
          </dd>
          <dt>Gates</dt>
          <dd>
            {Object.entries(model.gates)
              .map(([gate, passed]) => `${gate} ${passed ? '✓' : '✕'}`)
              .join(' · ')}
          </dd>
          <dt>Log-loss</dt>
          <dd>
            {metrics.log_loss?.toFixed(4) ?? '–'} <span className="muted">class prior {metrics.prior_log_loss?.toFixed(4) ?? '–'}</span>
          </dd>
          <dt>Edge, 5 to 95%</dt>
          <dd>
            {metrics.log_loss_edge_interval?.map((edge) => edge.toFixed(4).replace('-', '−')).join(' to ') ?? '–'}{' '}
            <span className="muted">prior less model</span>
          </dd>
          <dt>Calibration</dt>
          <dd>
            {percent(metrics.calibration_error, 1)} <span className="muted">expected error</span>
          </dd>
          <dt>Accuracy</dt>
          <dd>
            {percent(metrics.accuracy, 1)}{' '}
            <span className="muted">
              {countText(metrics.rows)} rows out of sample, {metrics.folds} folds
            </span>
          </dd>
          <dt>Per call</dt>
          <dd>
            {signedPercent(metrics.net_return_per_signal, 3)} <span className="muted">net, {countText(metrics.directional_calls)} calls</span>
          </dd>
          <dt>Trained</dt>
          <dd>
            {stampText(Date.parse(model.trained_from))} to {stampText(Date.parse(model.trained_to))}
          </dd>
          <dt>Why</dt>
          <dd>{model.reason}</dd>
        </dl>
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
        <ul className="letters">
          {all.map(([topic, { count, newest }]) => (
            <li key={topic}>
              <code>{topic}</code> <b>{countText(count)}</b>
              <span className="muted detail">
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
        <Nothing title="The monitor has not reported yet" />
      ) : (
        <table>
          <caption className="muted">By topic, all symbols; counts are approximate, they include open transactions</caption>
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
              const of = windows.filter((window) => window.topic === topic)
              const most = (name: 'lateness_p50_ms' | 'lateness_max_ms' | 'staleness_ms') =>
                durationText(of.reduce<number | null>((top, w) => (w[name] === null ? top : Math.max(top ?? 0, w[name])), null))
              return (
                <tr key={topic}>
                  <th scope="row">
                    <code>{topic}</code>
                  </th>
                  <td>{of.reduce((sum, window) => sum + window.per_second, 0).toFixed(1)}</td>
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
