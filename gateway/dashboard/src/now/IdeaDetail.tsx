// One idea: what it was decided on, where it stands, and what those like it came to.

import type { IdeaDetail as Detail, SignalDetail } from '../contract'
import { countText, percent, priceText, ratioText, signedPercent, stampText } from '../lib/format'
import { linkToSignal } from '../lib/route'
import { useAnswer } from '../lib/useAnswer'
import { sentenceOf } from '../live/reasons'
import { DirectionMark } from '../ui/DirectionMark'
import { Fact, Facts } from '../ui/Facts'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import table from '../ui/table.module.css'
import { Term } from '../ui/Term'
import text from '../ui/text.module.css'
import { endText } from './words'

const EVERY_MS = 3_000

export function IdeaDetail({ ideaId }: { ideaId: string }) {
  const { data, error } = useAnswer<Detail>(`/api/ideas/${encodeURIComponent(ideaId)}`, EVERY_MS)
  return (
    <PlainPanel aria-label="The idea">
      {data !== null ? (
        <Idea idea={data} />
      ) : error === null ? (
        <Skeleton rows={8} label="The idea is being read" />
      ) : (
        <Failure error={error} />
      )}
    </PlainPanel>
  )
}

function Idea({ idea }: { idea: Detail }) {
  const { low, mean, high } = idea.expected_net_return
  // How usual its values are is told with the signal alone, while that is held.
  const signal = useAnswer<SignalDetail>(idea.signal && `/api/signals/${encodeURIComponent(idea.signal_id)}`)
  return (
    <>
      <p className={text.eyebrow}>
        {idea.timeframe}, decided {stampText(idea.opened_ms)}
      </p>
      <h2>
        {idea.symbol} <DirectionMark direction={idea.side} />
      </h2>
      {idea.explanation !== null && (
        <p className={text.lead}>{sentenceOf(idea.explanation, signal.data?.ranks ?? {})}</p>
      )}
      <Facts>
        <Fact name="Signal">
          <a href={linkToSignal(idea.signal_id)}>grade {idea.grade}</a>, {percent(idea.confidence)} sure, in a{' '}
          {idea.regime} market
        </Fact>
        <Fact name={<Term word="Expected net return" />}>
          {signedPercent(mean)}, {signedPercent(low)} to {signedPercent(high)}
        </Fact>
        <Fact name={<Term word="Rank" />}>{idea.rank === null ? '–' : Math.floor(idea.rank)}</Fact>
        <Fact name="Entry">{priceText(idea.entry_price)}</Fact>
        <Fact name="Target">{priceText(idea.target_price)}</Fact>
        <Fact name="Wrong at">{priceText(idea.stop_price)}</Fact>
        <Fact name={idea.exit_reason === null ? 'State' : 'It ended'}>{endText(idea)}</Fact>
        {idea.closed_ms !== null && <Result idea={idea} />}
      </Facts>
      <Similar similar={idea.similar} />
    </>
  )
}

function Result({ idea }: { idea: Detail }) {
  return (
    <>
      <Fact name="Exit">
        {priceText(idea.exit_price)}, {stampText(idea.closed_ms ?? 0)}
      </Fact>
      <Fact name="Net return">
        {signedPercent(idea.net_return)} ({ratioText(idea.r_multiple)} R)
      </Fact>
      <Fact name="Costs, funding">
        {percent(idea.cost, 2)}, {signedPercent(idea.funding)}
      </Fact>
      <Fact name="Furthest against, with it">
        {percent(idea.adverse_excursion, 2)}, {percent(idea.favourable_excursion, 2)}
      </Fact>
    </>
  )
}

function Similar({ similar: s }: { similar: Detail['similar'] }) {
  if (s.trades === 0) return <p className={text.footNote}>No idea like it has ended yet.</p>
  const within =
    s.expectancy_low === null ? '' : `, ${signedPercent(s.expectancy_low)} to ${signedPercent(s.expectancy_high)}`
  return (
    <>
      <h3 className={table.heading}>Those like it: {countText(s.trades)} of its market, timeframe and side</h3>
      <Facts>
        <Fact name="Net return of one">
          {signedPercent(s.expectancy)}
          {within}
        </Fact>
        <Fact name="Expected of them">{signedPercent(s.expected)}</Fact>
        <Fact name={<Term word="Won" />}>
          {percent(s.hit_rate)}, {percent(s.hit_rate_low)} to {percent(s.hit_rate_high)}
        </Fact>
        <Fact name={<Term word="R" />}>{ratioText(s.expectancy_r)}</Fact>
      </Facts>
    </>
  )
}
