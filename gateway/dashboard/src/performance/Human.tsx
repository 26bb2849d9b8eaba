// What the human made of the ideas: those followed, and those that were let pass.

import type { PerformanceSummary } from '../contract'
import { countedText, countText, signedPercent } from '../lib/format'
import { GLOSSARY } from '../lib/glossary'
import { Definition } from '../ui/Definition'
import { Fact, Facts } from '../ui/Facts'
import { Panel } from '../ui/Panel'
import text from '../ui/text.module.css'

export function Human({ summary: { followed, skipped, missed } }: { summary: PerformanceSummary }) {
  const { difference: gain, difference_low: low, difference_high: high } = followed
  const within = low === null ? '' : `, ${signedPercent(low)} to ${signedPercent(high)}`
  return (
    <Panel
      title="You and the ideas"
      aside={<Definition of="You and the ideas" sentences={GLOSSARY['What a human made of it']} />}
    >
      <Facts>
        <Fact name="Followed">{followed.trades === 0 ? 'none' : countText(followed.trades)}</Fact>
        {followed.trades > 0 && (
          <>
            <Fact name="You earned, the ideas did">
              {signedPercent(followed.own_return)}, {signedPercent(followed.idea_return)}
            </Fact>
            <Fact name="What you added">
              {signedPercent(gain)}
              {within}
            </Fact>
          </>
        )}
        <Fact name="Skipped">{passedText(skipped)}</Fact>
        <Fact name="Missed">{passedText(missed)}</Fact>
      </Facts>
      <p className={text.footNote}>Selected by you, not an experiment.</p>
    </Panel>
  )
}

function passedText({ ideas, winners, losers, net_return: net }: PerformanceSummary['skipped']): string {
  if (ideas === 0) return 'none'
  return `${countedText(winners, 'winner')}, ${countedText(losers, 'loser')}, ${signedPercent(net)} each`
}
