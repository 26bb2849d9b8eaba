// What retrainings a timeframe has left, why one would be refused now, and the way to ask for one.

import { useRef, useState } from 'react'

import type { RetrainingView, VersionList } from '../contract'
import { useDenial } from '../lib/access'
import { countText, stampText } from '../lib/format'
import { Button } from '../ui/Button'
import { CommandPanel } from '../ui/CommandPanel'
import { ItemFact, ItemFacts } from '../ui/ItemFacts'
import { Meter } from '../ui/Meter'
import { Panel } from '../ui/Panel'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import plots from './Plots.module.css'
import { plainName } from './words'

interface Props {
  list: VersionList
  onChanged: () => void
}

export function Retraining({ list, onChanged }: Props) {
  const [isTrying, setTrying] = useState(false)
  const opener = useRef<HTMLButtonElement>(null)
  const denied = useDenial('operate')
  const { retraining, strategy_name: strategy, timeframe, revision } = list
  if (retraining === null) return null
  const { refused, training_id: trainingId } = retraining
  return (
    <>
      <Panel title="Retraining" aside={<State retraining={retraining} />}>
        <ItemFacts>
          <ItemFact
            name="Budget"
            value={`${countText(retraining.left)} of ${countText(retraining.allowed)} left`}
            note="30 days of market time"
          />
          <ItemFact name="Cooldown" value={cooldownText(retraining)} />
          <ItemFact
            name="Kept out in a row"
            value={`${countText(retraining.rejected)} of ${countText(retraining.max_rejected)}`}
            note="then the circuit opens"
          />
          {trainingId !== null && (
            <ItemFact name="Under way" value={plainName(retraining.cause ?? '')} note={sinceText(retraining)} />
          )}
        </ItemFacts>
        <div className={plots.budget}>
          <Meter share={share(retraining)} tone={retraining.left === 0 ? 'bad' : 'accent'} />
        </div>
        <div className={plots.ask}>
          <Button ref={opener} disabled={denied !== null || isTrying} onClick={() => setTrying(true)}>
            Try to retrain
          </Button>
          <p className={text.aside}>
            {refused !== null && `Another would be refused now: ${refused}. `}
            {denied !== null && `${denied}.`}
          </p>
        </div>
      </Panel>
      {isTrying && (
        <CommandPanel
          title={`Retrain ${timeframe}`}
          confirm="Train another"
          verb="asked for"
          subject={`another ${timeframe} model of ${strategy}`}
          path={`/api/v1/strategies/${encodeURIComponent(strategy)}/models/retrain`}
          body={{ timeframe, cause: 'manual' }}
          revision={revision}
          onChanged={onChanged}
          onLeave={() => {
            setTrying(false)
            requestAnimationFrame(() => opener.current?.focus())
          }}
        />
      )}
    </>
  )
}

function State({ retraining: { refused, training_id: trainingId } }: { retraining: RetrainingView }) {
  if (trainingId !== null) return <Tag tone="accent">under way</Tag>
  return <Tag tone={refused === null ? 'good' : 'warn'}>{refused === null ? 'possible now' : 'not now'}</Tag>
}

function cooldownText({ cooldown_ends: ends }: RetrainingView): string {
  return ends === null ? 'over' : `until ${stampText(Date.parse(ends))}`
}

function sinceText({ since }: RetrainingView): string {
  return since === null ? '' : `since ${stampText(Date.parse(since))}`
}

function share({ used, allowed }: RetrainingView): number {
  return allowed === 0 ? 1 : Math.min(used / allowed, 1)
}
