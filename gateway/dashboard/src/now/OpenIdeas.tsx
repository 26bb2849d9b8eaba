// Ideas that run, the highest rank first; without one, why that is right.

import { Fragment } from 'react'

import type { IdeaItem, IdeaList, SuppressedList } from '../contract'
import { signedPercent } from '../lib/format'
import { GLOSSARY } from '../lib/glossary'
import { NOW } from '../lib/route'
import type { Answer } from '../lib/useAnswer'
import { isBeforeFirstSignal } from '../live/FirstSignalProgress'
import { ScopeLink } from '../live/ScopeLink'
import { useTimeframeHealth, useTimeframes } from '../live/timeframes'
import { Definition } from '../ui/Definition'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import text from '../ui/text.module.css'
import { OpenIdea } from './OpenIdea'
import styles from './OpenIdeas.module.css'

interface Props {
  /** Of every timeframe: the shown one's are listed, the others' counted. */
  answer: Answer<IdeaList>
  suppressed: SuppressedList | null
  shownId: string | null
}

export function OpenIdeas({ answer: { data, error, reload }, suppressed, shownId }: Props) {
  const { shown } = useTimeframes()
  const ideas = data?.ideas.filter(({ timeframe }) => timeframe === shown?.name) ?? []
  return (
    <PlainPanel aria-label="Open ideas">
      <PanelHead>
        <h2>
          Ideas <Definition of="Idea" sentences={GLOSSARY.Idea} />
        </h2>
        {data !== null && (
          <span className={text.aside}>
            {ideas.length} open{shown === null ? '' : ` at ${shown.name}`}
            <OpenElsewhere ideas={data.ideas} />
          </span>
        )}
      </PanelHead>
      {error !== null && <Failure error={error} onRetry={reload} />}
      {data === null && error === null && <Skeleton rows={4} label="Ideas are being read" />}
      {data !== null && ideas.length === 0 && <NothingToDo suppressed={suppressed} />}
      <div id="versions" className={styles.ideas}>
        {ideas.map((idea) => (
          <OpenIdea key={idea.idea_id} idea={idea} isShown={idea.idea_id === shownId} />
        ))}
      </div>
    </PlainPanel>
  )
}

/** How many run at the other timeframes, each a link that turns to it. */
function OpenElsewhere({ ideas }: { ideas: readonly IdeaItem[] }) {
  const { all, shown } = useTimeframes()
  return all
    .filter(({ name }) => name !== shown?.name)
    .map((other) => ({ other, count: ideas.filter(({ timeframe }) => timeframe === other.name).length }))
    .filter(({ count }) => count > 0)
    .map(({ other, count }) => (
      <Fragment key={other.name}>
        ,{' '}
        <ScopeLink to={NOW} scope={{ timeframe: other }}>
          {count} at {other.name}
        </ScopeLink>
      </Fragment>
    ))
}

function NothingToDo({ suppressed }: { suppressed: SuppressedList | null }) {
  const best = suppressed?.best_expected_net_return ?? null
  const progress = useTimeframeHealth()
  if (progress !== null && isBeforeFirstSignal(progress))
    return (
      <EmptyState title="No idea yet">
        <p>Ideas are made of signals: none can come before the first of them.</p>
      </EmptyState>
    )
  return (
    <EmptyState title="Nothing to act on">
      {best !== null && (
        <p>
          Of the newest signals the best expects <b>{signedPercent(best)}</b> after costs.
        </p>
      )}
      <p>
        An idea comes when a signal of a qualified model expects more than its costs, with its lower bound as well. None
        for days is a right answer.
      </p>
    </EmptyState>
  )
}
