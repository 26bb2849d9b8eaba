// The gates of a training in order, each with its figures, thresholds and verdict.

import type { GateFigure, GateReport, VersionDetails } from '../contract'
import { valueText } from '../lib/format'
import { Panel } from '../ui/Panel'
import { TableScroll } from '../ui/TableScroll'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import styles from './Gates.module.css'
import table from '../ui/table.module.css'
import { gateDetail, gateName, plainName, ruleText } from './words'

export function Gates({ version }: { version: VersionDetails }) {
  const { reports, gates, qualified } = version
  const named = Object.entries(gates)
  return (
    <Panel title="Gates" aside={<Verdict passed={qualified} words={['qualified', 'not qualified']} />}>
      {reports.length === 0 ? (
        <ul className={styles.plain}>
          {named.map(([name, passed]) => (
            <li key={name}>
              <Verdict passed={passed} /> {plainName(name)}
            </li>
          ))}
        </ul>
      ) : (
        <ol className={styles.gates}>
          {reports.map((report) => (
            <Gate key={report.name} report={report} />
          ))}
        </ol>
      )}
    </Panel>
  )
}

function Gate({ report }: { report: GateReport }) {
  return (
    <li>
      <details open={!report.passed}>
        <summary>
          <Verdict passed={report.passed} />
          <b>{gateName(report.name)}</b>
          <span className="muted">{gateDetail(report)}</span>
        </summary>
        {report.figures.length > 0 && (
          <TableScroll whole label={`Figures of ${gateName(report.name)}`}>
            <table className={table.numbers}>
              <thead>
                <tr>
                  <th scope="col">Figure</th>
                  <th scope="col">Value</th>
                  <th scope="col">Threshold</th>
                  <th scope="col">Verdict</th>
                </tr>
              </thead>
              <tbody>
                {report.figures.map((figure) => (
                  <Figure key={figure.name} figure={figure} />
                ))}
              </tbody>
            </table>
          </TableScroll>
        )}
      </details>
    </li>
  )
}

function Figure({ figure }: { figure: GateFigure }) {
  const { name, value, threshold, rule, verdict, required } = figure
  return (
    <tr>
      <th scope="row">{plainName(name)}</th>
      <td>{valueText(value)}</td>
      <td className="muted">{ruleText(rule, threshold)}</td>
      <td>
        {verdict === 'shown' ? (
          <span className="muted">shown</span>
        ) : (
          <>
            <span className={verdict === 'passed' ? 'good' : required ? 'bad' : 'warn'}>{verdict}</span>
            {!required && <span className={text.aside}> (decides nothing)</span>}
          </>
        )}
      </td>
    </tr>
  )
}

function Verdict({ passed, words = ['passed', 'failed'] }: { passed: boolean; words?: readonly [string, string] }) {
  return <Tag tone={passed ? 'good' : 'bad'}>{passed ? words[0] : words[1]}</Tag>
}
