// An idea that runs: what it has made, what was expected of it, and where it ends.

import { useRef } from 'react'

import type { IdeaDetail, IdeaItem } from '../contract'
import { push } from '../lib/address'
import { percent, priceText, signedPercent, untilText } from '../lib/format'
import { linkToIdea, linkToJournalForm } from '../lib/route'
import { useAnswer } from '../lib/useAnswer'
import { useLive } from '../live/LiveStore'
import { Button } from '../ui/Button'
import { DirectionMark } from '../ui/DirectionMark'
import { GradeMark } from '../ui/GradeMark'
import { ItemFact, ItemFacts } from '../ui/ItemFacts'
import { Tag } from '../ui/Tag'
import { useInSight } from '../ui/useInSight'
import styles from './OpenIdea.module.css'
import { ageOf, openReturn, rightText } from './words'

const DETAIL_MS = 30_000 // costs stay, and past results change by few

export function OpenIdea({ idea, isShown }: { idea: IdeaItem; isShown: boolean }) {
  const place = useRef<HTMLElement>(null)
  const isInSight = useInSight(place)
  const path = `/api/ideas/${encodeURIComponent(idea.idea_id)}`
  const { data: detail } = useAnswer<IdeaDetail>(path, DETAIL_MS, !isInSight)
  const { low, mean, high } = idea.expected_net_return
  const age = ageOf(idea)
  return (
    <article ref={place} className={styles.idea} aria-label={`${idea.symbol} ${idea.timeframe}`}>
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
      <Made idea={idea} cost={detail?.signal?.round_trip_cost ?? null} />
      <Button
        disabled={age.late !== null}
        title={age.late === null ? undefined : `It ${age.value}: ${age.late}`}
        onClick={() => push(linkToJournalForm('idea', idea.idea_id))}
      >
        Note a trade
      </Button>
      <ItemFacts>
        <ItemFact
          name="Expected after costs"
          value={`${signedPercent(low)} … ${signedPercent(high)}`}
          note={`mean ${signedPercent(mean)}`}
        />
        <ItemFact name="Ideas like it" {...(detail === null ? { value: '–' } : rightText(detail.similar))} />
        <ItemFact name="Entry" value={priceText(idea.entry_price ?? idea.reference_price)} />
        <ItemFact name="Target" value={priceText(idea.target_price)} />
        <ItemFact
          name="Wrong at"
          value={priceText(idea.stop_price)}
          note={idea.risk === null ? '' : `risks ${percent(idea.risk, 2)}`}
        />
        <ItemFact
          name="Age"
          value={age.value}
          note={age.late ?? `ends ${untilText(idea.expires_ms, idea.opened_ms)}`}
        />
      </ItemFacts>
    </article>
  )
}

/** What it would come to at the last price: less the costs of its result, as soon as they are known. */
function Made({ idea, cost }: { idea: IdeaItem; cost: number | null }) {
  const price = useLive(({ health }) => health?.symbols.find((each) => each.symbol === idea.symbol)?.last_price ?? null)
  const made = openReturn(idea, price)
  if (made === null)
    return (
      <p className={styles.made}>
        <span className="muted">enters at the next open</span>
      </p>
    )
  if (cost === null)
    return (
      <p className={styles.made}>
        {signedPercent(made)} <span className="muted">before costs</span>
      </p>
    )
  const net = made - cost
  return (
    <p
      className={styles.made}
      title={`${signedPercent(made)} before costs of ${percent(cost, 2)}; funding is counted at its end`}
    >
      <b className={net < 0 ? 'down' : 'up'}>{signedPercent(net)}</b>{' '}
      <span className="muted">after costs, before funding</span>
    </p>
  )
}
