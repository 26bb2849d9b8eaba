// One version: what it is, how it is moved, what judged it.

import { type RefObject, useEffect, useRef, useState } from 'react'

import type { VersionDetails, VersionList, VersionView } from '../contract'
import { useDenial } from '../lib/access'
import { countText, percent, stampText, valueText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { Button } from '../ui/Button'
import { CommandPanel } from '../ui/CommandPanel'
import { Failure } from '../ui/Failure'
import { ItemFact, ItemFacts } from '../ui/ItemFacts'
import styles from '../ui/itemHead.module.css'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import { Certificate } from './Certificate'
import { Comparison } from './Comparison'
import { Drift } from './Drift'
import { Equity } from './Equity'
import { Gates } from './Gates'
import { type Move, movesOf } from './moves'
import plots from './Plots.module.css'
import { Reliability } from './Reliability'
import { Retraining } from './Retraining'
import { Scores } from './Scores'
import { Selection } from './Selection'
import { StageHistory } from './StageHistory'
import { StageTag } from './StageTag'

interface Props {
  version: VersionView
  list: VersionList
  /** Whether the list shows a time that has passed. */
  isPast: boolean
  onChanged: () => void
}

export function VersionDetail({ version, list, isPast, onChanged }: Props) {
  const [move, setMove] = useState<Move | null>(null)
  const opener = useRef<HTMLButtonElement>(null)
  const { version: number, stage, qualified, timeframe, reason } = version
  const { strategy_name: strategy, revision } = list
  return (
    <>
      <PlainPanel className={styles.head} aria-label={`Version ${number}`}>
        <div className={styles.title}>
          <p className={text.eyebrow}>
            {strategy}, {timeframe}
          </p>
          <h2>
            Version {number} <StageTag stage={stage} />
            <Tag tone={qualified ? 'good' : 'warn'}>{qualified ? 'qualified' : 'not qualified'}</Tag>
          </h2>
          <p className={text.lead}>{reason}</p>
        </div>
        {!isPast && <Moves version={version} list={list} opener={opener} isTrying={move !== null} onMove={setMove} />}
        <Facts version={version} />
        {isPast && <p className={text.footNote}>As it stood at the market time that is set above the list.</p>}
      </PlainPanel>
      {move !== null && (
        <CommandPanel
          title={move.title(number)}
          confirm={move.confirm}
          verb={move.verb}
          subject={`the ${timeframe} versions of ${strategy}`}
          path={`/api/v1/strategies/${encodeURIComponent(strategy)}/models/${move.route}`}
          body={move.body(version)}
          revision={revision}
          onChanged={onChanged}
          onLeave={() => {
            setMove(null)
            requestAnimationFrame(() => opener.current?.focus())
          }}
        />
      )}
      {stage === 'Production' && !isPast && (
        <>
          <Drift timeframe={timeframe} version={version.model_version} />
          <Retraining list={list} onChanged={onChanged} />
        </>
      )}
      <Reports version={version} strategy={strategy} revision={revision} />
    </>
  )
}

/** What the training said of it, and what happened to it since. */
function Reports({ version, strategy, revision }: { version: VersionView; strategy: string; revision: number }) {
  const path = `/api/v1/models/${encodeURIComponent(strategy)}/versions/${version.version}?timeframe=${version.timeframe}`
  const { data, error, reload } = useAnswer<VersionDetails>(path)
  useEffect(reload, [reload, revision])
  if (data === null)
    return (
      <PlainPanel aria-label="Reports">
        {error === null ? <Skeleton rows={6} label="Its reports are being read" /> : <Failure error={error} />}
      </PlainPanel>
    )
  return (
    <>
      <Plots version={data} />
      <Gates version={data} />
      <Scores version={data} />
      <Comparison comparison={data.comparison} />
      <Selection selection={data.selection} />
      <Certificate certificate={data.certificate} />
      <StageHistory changes={data.history} />
    </>
  )
}

/** Of the answers that serve; a version of an older release has none. */
function Plots({ version: { equity, reliability, scores } }: { version: VersionDetails }) {
  if (equity === null || reliability.length === 0) return null
  const served = scores.find(({ forecast }) => forecast === 'selection') ?? scores[0]
  return (
    <div className={plots.pair}>
      <Equity equity={equity} />
      <Reliability bins={reliability} error={served?.calibration_error ?? null} />
    </div>
  )
}

interface MovesProps {
  version: VersionView
  list: VersionList
  opener: RefObject<HTMLButtonElement | null>
  isTrying: boolean
  onMove: (move: Move) => void
}

function Moves({ version, list, opener, isTrying, onMove }: MovesProps) {
  const denied = useDenial('operate')
  const [first, ...others] = movesOf(version, list)
  return (
    <div className={styles.actions}>
      {first && (
        <Button id="try" ref={opener} kind="main" disabled={denied !== null || isTrying} onClick={() => onMove(first)}>
          {first.name} <kbd aria-hidden="true">p</kbd>
        </Button>
      )}
      {others.map((other) => (
        <Button key={other.name} disabled={denied !== null || isTrying} onClick={() => onMove(other)}>
          {other.name}
        </Button>
      ))}
      {denied !== null && <p className={text.aside}>{denied}.</p>}
    </div>
  )
}

function Facts({ version }: { version: VersionView }) {
  const { metrics, symbols, effective_from: from } = version
  const { log_loss: loss, prior_log_loss: prior, calibration_error: error, rows } = metrics
  return (
    <ItemFacts>
      <ItemFact name="Trained on" value={dates(version)} note={`${symbols.length} markets`} />
      {from !== null && <ItemFact name="Serves from" value={stampText(Date.parse(from))} note="market time" />}
      <ItemFact name="Log-loss" value={valueText(loss)} note={`class shares ${valueText(prior)}`} />
      <ItemFact name="Accuracy" value={percent(metrics.accuracy, 1)} />
      <ItemFact name="Calibration error" value={valueText(error)} />
      <ItemFact name="Rows out of sample" value={countText(rows)} />
      <ItemFact name="Horizon" value={`${version.horizon_bars} bars`} />
      <ItemFact name="SHA-256" value={version.model_version} />
    </ItemFacts>
  )
}

function dates({ trained_from: from, trained_to: to }: VersionView): string {
  if (from === null || to === null) return 'unknown: imported'
  return `${stampText(Date.parse(from))} – ${stampText(Date.parse(to))}`
}
