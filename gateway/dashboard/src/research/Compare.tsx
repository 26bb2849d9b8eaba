// Pinned runs side by side: their equity overlaid, their numbers in columns.

import { signedPercent } from '../lib/format'
import { Nothing, Panel } from '../ui/marks'
import { linkOf } from './draft'
import { MOST_PINS, type Pin } from './pins'
import { togglePin, usePins } from './pinStore'
import { LinePlot } from './LinePlot'
import { COLUMNS, valueOf } from './ResultTables'

export function Compare() {
  const pins = usePins()
  if (pins.length === 0)
    return (
      <section className="panel">
        <Nothing title="Nothing is pinned yet">
          <p>
            Run something and pin it: up to {MOST_PINS} runs are compared here. They stay on this machine.
          </p>
        </Nothing>
      </section>
    )
  const spans = new Set(pins.map(({ time }) => `${time[0]} ${time.at(-1)}`))
  return (
    <>
      <section className="panel" aria-label="Equity of pinned runs">
        <header className="panel-head">
          <h3>Growth of pinned runs</h3>
          <ul className="keys">
            {pins.map((pin, place) => (
              <li key={pin.jobId} className={`tone-${place + 1}`}>
                {place + 1} {pin.symbol}
              </li>
            ))}
          </ul>
        </header>
        <LinePlot
          label="Growth of pinned runs over time"
          height={300}
          panes={[
            {
              name: 'Growth',
              share: 1,
              origin: 0,
              log: true,
              text: (value) => signedPercent(value, 0),
              lines: pins.map((pin, place) => ({
                name: `${place + 1} ${pin.symbol}`,
                tone: `tone-${place + 1}`,
                time: pin.time,
                values: pin.growth,
              })),
            },
          ]}
        />
        {spans.size > 1 && <p className="muted foot-note">They cover different spans: compare with care.</p>}
      </section>
      <SideBySide pins={pins} />
    </>
  )
}

function SideBySide({ pins }: { pins: readonly Pin[] }) {
  const ratio = (value: number | null) => (value === null ? '–' : value.toFixed(2).replace('-', '−'))
  return (
    <Panel title="Side by side">
      <div className="table-scroll" tabIndex={0} role="region" aria-label="Pinned runs side by side">
        <table className="numbers side-by-side">
          <caption className="unseen">Pinned runs in columns, their numbers in rows</caption>
          <thead>
            <tr>
              <th scope="col">
                <span className="unseen">Number</span>
              </th>
              {pins.map((pin, place) => (
                <th key={pin.jobId} scope="col">
                  <span className={`key tone-${place + 1}`} aria-hidden="true" /> {place + 1} {pin.symbol} {pin.timeframe}
                  <span className="side-what">{pin.what}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {COLUMNS.map(({ name, label, text }) => (
              <tr key={name}>
                <th scope="row">{label}</th>
                {pins.map((pin) => (
                  <td key={pin.jobId}>{text(valueOf(pin.metrics, name))}</td>
                ))}
              </tr>
            ))}
            <tr>
              <th scope="row">Buy and hold</th>
              {pins.map((pin) => (
                <td key={pin.jobId}>{signedPercent(pin.hold?.total_return, 1)}</td>
              ))}
            </tr>
            <tr>
              <th scope="row">Trials behind it</th>
              {pins.map((pin) => (
                <td key={pin.jobId}>{pin.trials.toLocaleString('en-US')}</td>
              ))}
            </tr>
            <tr>
              <th scope="row">Deflated Sharpe</th>
              {pins.map((pin) => (
                <td key={pin.jobId}>{ratio(pin.deflated)}</td>
              ))}
            </tr>
            <tr>
              <th scope="row">PBO</th>
              {pins.map((pin) => (
                <td key={pin.jobId}>{ratio(pin.pbo)}</td>
              ))}
            </tr>
            <tr>
              <th scope="row">
                <span className="unseen">Acts</span>
              </th>
              {pins.map((pin, place) => (
                <td key={pin.jobId}>
                  <a href={linkOf(pin.kind, pin.body)} aria-label={`Open run ${place + 1} in the form`}>
                    Open
                  </a>{' '}
                  <button type="button" className="button" aria-label={`Unpin run ${place + 1}`} onClick={() => togglePin(pin)}>
                    Unpin
                  </button>
                </td>
              ))}
            </tr>
          </tbody>
        </table>
      </div>
    </Panel>
  )
}
