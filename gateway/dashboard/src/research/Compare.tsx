// Pinned runs side by side: their equity overlaid, their numbers in columns.

import { classes } from '../lib/classes'
import { ratioText, signedPercent } from '../lib/format'
import { Button } from '../ui/Button'
import { EmptyState } from '../ui/EmptyState'
import { Legend } from '../ui/Legend'
import { Panel, PanelHead, PlainPanel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import text from '../ui/text.module.css'
import styles from './Compare.module.css'
import { linkOf } from './draft'
import { LinePlot } from '../ui/plot/LinePlot'
import { COLUMNS, valueOf } from './metricColumns'
import { MOST_PINS, type Pin } from './pins'
import { togglePin, usePins } from './pinStore'
import series from '../ui/plot/series.module.css'
import table from './table.module.css'

const PIN_CLASSES = [series.pin1, series.pin2, series.pin3, series.pin4, series.pin5, series.pin6]

export function Compare() {
  const pins = usePins()
  if (pins.length === 0)
    return (
      <PlainPanel>
        <EmptyState title="Nothing is pinned yet">
          <p>Run something and pin it: up to {MOST_PINS} runs are compared here. They stay on this machine.</p>
        </EmptyState>
      </PlainPanel>
    )
  const spans = new Set(pins.map(({ time }) => `${time[0]} ${time.at(-1)}`))
  return (
    <>
      <PlainPanel aria-label="Equity of pinned runs">
        <PanelHead>
          <h3>Growth of pinned runs</h3>
          <Legend wraps>
            {pins.map((pin, place) => (
              <li key={pin.jobId} className={PIN_CLASSES[place]}>
                {place + 1} {pin.symbol}
              </li>
            ))}
          </Legend>
        </PanelHead>
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
                tone: PIN_CLASSES[place],
                time: pin.time,
                values: pin.growth,
              })),
            },
          ]}
        />
        {spans.size > 1 && <p className={text.footNote}>They cover different spans: compare with care.</p>}
      </PlainPanel>
      <SideBySide pins={pins} />
    </>
  )
}

function SideBySide({ pins }: { pins: readonly Pin[] }) {
  return (
    <Panel title="Side by side">
      <TableScroll whole label="Pinned runs side by side">
        <table className={classes(table.numbers, styles.pins)}>
          <caption className="unseen">Pinned runs in columns, their numbers in rows</caption>
          <thead>
            <tr>
              <th scope="col">
                <span className="unseen">Number</span>
              </th>
              {pins.map((pin, place) => (
                <th key={pin.jobId} scope="col">
                  <span className={classes(series.key, PIN_CLASSES[place])} aria-hidden="true" /> {place + 1}{' '}
                  {pin.symbol} {pin.timeframe}
                  <span className={styles.what}>{pin.what}</span>
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
                <td key={pin.jobId}>{ratioText(pin.deflated)}</td>
              ))}
            </tr>
            <tr>
              <th scope="row">PBO</th>
              {pins.map((pin) => (
                <td key={pin.jobId}>{ratioText(pin.pbo)}</td>
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
                  <Button aria-label={`Unpin run ${place + 1}`} onClick={() => togglePin(pin)}>
                    Unpin
                  </Button>
                </td>
              ))}
            </tr>
          </tbody>
        </table>
      </TableScroll>
    </Panel>
  )
}
