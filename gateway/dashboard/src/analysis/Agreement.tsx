// How far the timeframes of a market agree, what each votes, and what is the same for all of them.

import type { Analysis } from '../contract'
import { stampText } from '../lib/format'
import { Definition } from '../ui/Definition'
import { PlainPanel } from '../ui/Panel'
import text from '../ui/text.module.css'
import styles from './Agreement.module.css'
import { BalanceBar } from './BalanceBar'
import { ReadingMark } from './ReadingMark'
import { agreementText, signedScore } from './readings'
import { sentencesOf } from './spans'

export function Agreement({ analysis }: { analysis: Analysis }) {
  const { agreement, definitions, symbol } = analysis
  return (
    <PlainPanel className={styles.agreement} aria-label="Agreement of the timeframes">
      <div className={styles.score}>
        <h2>{symbol}</h2>
        <p className={text.aside}>
          Agreement{' '}
          <Definition of="Agreement" sentences={[agreement.definition, definitions.direction].flatMap(sentencesOf)} />
        </p>
      </div>
      <div className={styles.scale}>
        <p>
          <span className={text.hero}>{signedScore(agreement.score)}</span>{' '}
          <span className={styles.words}>{agreementText(agreement)}</span>
        </p>
        <BalanceBar balance={agreement.score} />
        <p className={styles.ends} aria-hidden="true">
          <span>−1 all bearish</span>
          <span>all bullish +1</span>
        </p>
      </div>
      <dl className={styles.votes}>
        {Object.entries(agreement.votes).map(([timeframe, vote]) => (
          <div key={timeframe}>
            <dt>{timeframe}</dt>
            <dd>
              <ReadingMark reading={vote} absent="no vote" />
            </dd>
          </div>
        ))}
      </dl>
      <Funding analysis={analysis} />
    </PlainPanel>
  )
}

/** The last settled funding is that of the market, whatever the timeframe. */
function Funding({ analysis }: { analysis: Analysis }) {
  const { rate = null, settled_ms: settledMs = null } =
    analysis.timeframes.find(({ funding }) => funding.rate !== null)?.funding ?? {}
  return (
    <p className={styles.funding}>
      <span className="muted">Funding</span>
      <b>{rate === null ? 'unknown' : `${rate < 0 ? '−' : '+'}${(Math.abs(rate) * 100).toFixed(4)}%`}</b>
      {settledMs !== null && <span className="muted">settled {stampText(settledMs)}</span>}
    </p>
  )
}
