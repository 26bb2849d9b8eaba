// How well a model and its members forecast, beside forecasts that need no model.

import type { ForecastScore, VersionDetails } from '../contract'
import { countText, percent, stampText, valueText } from '../lib/format'
import { Meter } from '../ui/Meter'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import text from '../ui/text.module.css'
import table from '../ui/table.module.css'
import { forecastName } from './words'

const BASELINES = ['class_prior', 'naive_last_label', 'historical_volatility']

export function Scores({ version }: { version: VersionDetails }) {
  const { scores, holdout, metrics } = version
  if (scores.length === 0) return null
  return (
    <Panel title="Forecasts out of sample" aside={<span className="muted">log-loss: lower is better</span>}>
      <ScoreTable label="Forecasts on the folds" scores={scores} />
      <p className={text.footNote}>
        {countText(metrics.rows)} rows of {metrics.folds} folds, each predicted by what was fitted before it.
      </p>
      {holdout !== null && (
        <>
          <h4 className={table.heading}>Holdout</h4>
          <ScoreTable label="Forecasts on the holdout" scores={holdout.scores} />
          <p className={text.footNote}>
            {countText(holdout.rows)} rows from {stampText(holdout.from_ms)}, which nothing else has looked at.
          </p>
        </>
      )}
    </Panel>
  )
}

function ScoreTable({ label, scores }: { label: string; scores: readonly ForecastScore[] }) {
  const losses = scores.flatMap(({ log_loss: loss }) => (loss === null ? [] : [loss]))
  const largest = Math.max(...losses, 0)
  const best = Math.min(...losses)
  return (
    <TableScroll whole label={label}>
      <table className={table.numbers}>
        <thead>
          <tr>
            <th scope="col">Forecast</th>
            <th scope="col">Log-loss</th>
            <th scope="col">
              <span className="unseen">Drawn</span>
            </th>
            <th scope="col">Brier</th>
            <th scope="col">Accuracy</th>
            <th scope="col">Calibration error</th>
          </tr>
        </thead>
        <tbody>
          {scores.map(({ forecast, log_loss: loss, brier, accuracy, calibration_error: error }) => (
            <tr key={forecast} className={BASELINES.includes(forecast) ? 'muted' : undefined}>
              <th scope="row">{forecastName(forecast)}</th>
              <td className={loss === best ? table.best : undefined}>{valueText(loss)}</td>
              <td className={table.bar}>
                {loss !== null && largest > 0 && (
                  <Meter share={loss / largest} tone={BASELINES.includes(forecast) ? 'muted' : 'accent'} />
                )}
              </td>
              <td>{valueText(brier)}</td>
              <td>{percent(accuracy, 1)}</td>
              <td>{percent(error, 1)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}
