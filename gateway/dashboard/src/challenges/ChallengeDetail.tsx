// One challenge: what it comes to, how its interval has shrunk, and what both models earned.

import { useEffect, useRef, useState } from 'react'

import type { ChallengeDetails, EvaluationView, TestView, VariantView } from '../contract'
import { useDenial } from '../lib/access'
import { countText, percent, ratioText, signedPercent, stampText, valueText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { Button } from '../ui/Button'
import { CommandPanel } from '../ui/CommandPanel'
import { Failure } from '../ui/Failure'
import { HeadRow } from '../ui/HeadRow'
import { ItemFact, ItemFacts } from '../ui/ItemFacts'
import styles from '../ui/itemHead.module.css'
import { Panel, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { TableScroll } from '../ui/TableScroll'
import table from '../ui/table.module.css'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import { ChallengeIdeas } from './ChallengeIdeas'
import { SequencePlot } from './SequencePlot'
import { gainText, RECOMMENDATIONS, STATUS_TONES, waitText } from './words'

const EVERY_MS = 5_000
const LEAST_P = 0.0001 // below it the size says nothing more

export function ChallengeDetail({ challengeId, onChanged }: { challengeId: string; onChanged: () => void }) {
  const path = `/api/v1/challenges/${encodeURIComponent(challengeId)}`
  const { data, error, reload } = useAnswer<ChallengeDetails>(path, EVERY_MS)
  const evaluation = useAnswer<EvaluationView>(`${path}/evaluate`, EVERY_MS)
  const [isCancelling, setIsCancelling] = useState(false)
  if (data === null)
    return (
      <PlainPanel aria-label="Challenge">
        {error === null ? <Skeleton rows={6} label="The challenge is being read" /> : <Failure error={error} />}
      </PlainPanel>
    )
  return (
    <>
      <Head challenge={data} onCancel={() => setIsCancelling(true)} isCancelling={isCancelling} />
      {isCancelling && (
        <CommandPanel
          title="Cancel the challenge"
          confirm="Cancel it"
          verb="cancelled"
          subject="the challenge"
          path={`${path}/cancel`}
          revision={null}
          onChanged={() => {
            reload()
            onChanged()
          }}
          onLeave={() => setIsCancelling(false)}
        />
      )}
      <SequencePlot challenge={data} />
      <Variants challenge={data} />
      {data.basis === 'log_loss' && <ChallengeIdeas ideas={data.ideas} />}
      {evaluation.data !== null && <Tests evaluation={evaluation.data} />}
    </>
  )
}

interface HeadProps {
  challenge: ChallengeDetails
  isCancelling: boolean
  onCancel: () => void
}

function Head({ challenge, isCancelling, onCancel }: HeadProps) {
  const denied = useDenial('operate')
  const { sequence, status, basis } = challenge
  const [words, tone] = RECOMMENDATIONS[challenge.recommendation]
  const button = useRef<HTMLButtonElement>(null)
  const wasCancelling = useRef(false)
  useEffect(() => {
    if (wasCancelling.current && !isCancelling) button.current?.focus()
    wasCancelling.current = isCancelling
  }, [isCancelling])
  const unit = basis === 'log_loss' ? ' nats a bar' : ''
  const within =
    sequence.low === null
      ? 'no bounds yet'
      : `${gainText(sequence.low, basis)} to ${gainText(sequence.high, basis)}${unit}`
  return (
    <PlainPanel className={styles.head} aria-label="Challenge">
      <div className={styles.title}>
        <p className={text.eyebrow}>
          {challenge.strategy_name}, {challenge.timeframe}, challenge {challenge.number}
        </p>
        <h2>
          Version {challenge.challenger.version ?? '?'} against {challenge.champion.version ?? '?'}{' '}
          <Tag tone={STATUS_TONES[status]}>{status}</Tag> <Tag tone={tone}>{words}</Tag>
        </h2>
        <p className={text.lead}>{challenge.reason}</p>
      </div>
      {status === 'active' && (
        <div className={styles.actions}>
          <Button ref={button} disabled={denied !== null || isCancelling} onClick={onCancel}>
            Try to cancel
          </Button>
          {denied !== null && <p className={text.aside}>{denied}.</p>}
        </div>
      )}
      <ItemFacts>
        <ItemFact name="Gain" value={gainText(sequence.gain, basis)} note={within} />
        <ItemFact
          name="Compared"
          value={countText(sequence.outcomes)}
          note={`in ${countText(sequence.blocks)} blocks`}
        />
        <ItemFact name="Power" {...waitText(sequence, status)} />
        <ItemFact name="May be wrong" value={percent(sequence.alpha, 2)} note="as the ledger grants" />
        <ItemFact name="Until" value={stampText(Date.parse(challenge.deadline))} note="wall clock" />
        <ItemFact
          name="If it wins"
          value={challenge.automatic ? 'it is promoted' : 'a person decides'}
          note={`at least ${countText(challenge.min_trades)} trades each`}
        />
      </ItemFacts>
    </PlainPanel>
  )
}

function Variants({ challenge: { champion, challenger } }: { challenge: ChallengeDetails }) {
  const rows: readonly [string, VariantView][] = [
    ['Champion', champion],
    ['Challenger', challenger],
  ]
  return (
    <Panel title="What both earned">
      <TableScroll whole label="Trades of both models">
        <table className={table.numbers}>
          <HeadRow names={['Model', 'Trades', 'Win rate', 'Net return of one', 'Deviation']} />
          <tbody>
            {rows.map(([name, variant]) => (
              <tr key={name}>
                <th scope="row">
                  {name} <code className="muted">{variant.model_version.slice(0, 12)}</code>
                </th>
                <td>{countText(variant.trades)}</td>
                <td>{percent(variant.win_rate, 1)}</td>
                <td>{signedPercent(variant.mean_return)}</td>
                <td>{percent(variant.deviation, 2)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </Panel>
  )
}

/** The documented tests. They hold at one look and decide nothing. */
function Tests({ evaluation }: { evaluation: EvaluationView }) {
  const tests: readonly [string, TestView | null][] = [
    ['Welch, of mean returns', evaluation.welch_test],
    ['Win rates, weighted by trades', evaluation.win_rate_test],
  ]
  return (
    <Panel title="Tests at one look">
      <TableScroll whole label="Tests that hold at one look">
        <table className={table.numbers}>
          <HeadRow names={['Test', 'Statistic', 'p', 'Degrees', 'Significant']} />
          <tbody>
            {tests.map(([name, test]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{ratioText(test?.statistic)}</td>
                <td>{test === null ? '–' : test.p_value < LEAST_P ? `< ${LEAST_P}` : valueText(test.p_value)}</td>
                <td>{test?.degrees == null ? '–' : test.degrees.toFixed(1)}</td>
                <td>{test === null ? '–' : test.significant ? 'yes' : 'no'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
      <p className={text.footNote}>
        Shown as documented. They hold at one look, at a number of trades fixed beforehand; the recommendation rests on
        the interval above, which holds at every look.
      </p>
    </Panel>
  )
}
