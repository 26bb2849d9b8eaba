// Ideas that run, the highest rank first; without one, why that is right.

import { Fragment } from 'react'

import type { IdeaItem, IdeaList, SuppressedList } from '../contract'
import { push } from '../lib/address'
import { classes } from '../lib/classes'
import { percent, priceText, signedPercent, stampText } from '../lib/format'
import { GLOSSARY } from '../lib/glossary'
import { linkToIdea, linkToJournalForm, NOW } from '../lib/route'
import type { Answer } from '../lib/useAnswer'
import { useLive } from '../live/LiveStore'
import { ScopeLink } from '../live/ScopeLink'
import { useTimeframes } from '../live/timeframes'
import { Button } from '../ui/Button'
import { Definition } from '../ui/Definition'
import { DirectionMark } from '../ui/DirectionMark'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import { GradeMark } from '../ui/GradeMark'
import { PanelHead, PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { Tag } from '../ui/Tag'
import text from '../ui/text.module.css'
import styles from './OpenIdeas.module.css'
import { openReturn } from './words'

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

function OpenIdea({ idea, isShown }: { idea: IdeaItem; isShown: boolean }) {
  const price = useLive(({ health }) => health?.symbols.find((each) => each.symbol === idea.symbol)?.last_price ?? null)
  const made = openReturn(idea, price)
  const { low, mean, high } = idea.expected_net_return
  const lasts = Math.round((idea.expires_ms - idea.opened_ms) / idea.timeframe_ms)
  return (
    <article className={styles.idea} aria-label={`${idea.symbol} ${idea.timeframe}`}>
      <a
        className={styles.title}
        href={linkToIdea(idea.idea_id)}
        {...(isShown ? { 'aria-current': 'true' as const } : {})}
      >
        <GradeMark grade={idea.grade} />
        <b>{idea.symbol}</b> <DirectionMark direction={idea.side} />
        <span className="muted">{idea.timeframe}</span>
        {idea.rank !== null && <Tag tone="accent">rank {Math.floor(idea.rank)}</Tag>}
        {!idea.qualified && <Tag tone="warn">unqualified</Tag>}
      </a>
      <p className={styles.made}>
        {made === null ? (
          <span className="muted">enters at the next open</span>
        ) : (
          <>
            <b className={classes(made < 0 ? 'down' : 'up')}>{signedPercent(made)}</b>{' '}
            <span className="muted">before costs</span>
          </>
        )}
      </p>
      <Button onClick={() => push(linkToJournalForm('idea', idea.idea_id))}>Note a trade</Button>
      <dl className={styles.facts}>
        <Fact
          name="Expected"
          value={`${signedPercent(low)} … ${signedPercent(high)}`}
          note={`mean ${signedPercent(mean)}`}
        />
        <Fact name="Entry" value={priceText(idea.entry_price ?? idea.reference_price)} />
        <Fact name="Target" value={priceText(idea.target_price)} />
        <Fact
          name="Wrong at"
          value={priceText(idea.stop_price)}
          note={idea.risk === null ? '' : `risks ${percent(idea.risk, 2)}`}
        />
        <Fact name="Age" value={`${idea.age_bars} of ${lasts} bars`} note={`ends ${stampText(idea.expires_ms)}`} />
      </dl>
    </article>
  )
}

function Fact({ name, value, note = '' }: { name: string; value: string; note?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value} <span className="muted">{note}</span>
      </dd>
    </div>
  )
}
