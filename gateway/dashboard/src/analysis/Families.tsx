// The indicators of a timeframe by family: what each says.

import type { FamilyReading } from '../contract'
import { featureText } from '../live/featureWords'
import { BalanceBar } from './BalanceBar'
import styles from './Families.module.css'
import { ReadingMark } from './ReadingMark'
import { familyText, indicatorWords } from './readings'

interface Props {
  families: readonly FamilyReading[]
  /** Families whose indicators are in sight, in every timeframe at once. */
  opened: ReadonlySet<string>
  rules: Record<string, { rule: string }>
  onToggle: (family: string, isOpen: boolean) => void
}

export function Families({ families, opened, rules, onToggle }: Props) {
  return (
    <div className={styles.families}>
      {families.map((family) => (
        <details
          key={family.family}
          open={opened.has(family.family)}
          onToggle={({ currentTarget }) => onToggle(family.family, currentTarget.open)}
        >
          <summary>
            <span className={styles.name}>{family.family}</span>
            <span className={styles.tally}>{familyText(family)}</span>
            <BalanceBar balance={family.balance} />
          </summary>
          <table className={styles.indicators}>
            <caption className="unseen">Indicators of {family.family} and what they say</caption>
            <tbody>
              {family.indicators.map(({ name, value, reading, minus }) => (
                <tr key={name} title={`${name}. ${rules[name]?.rule ?? ''}`}>
                  <th scope="row">{indicatorWords(name, minus)}</th>
                  <td>{featureText(name, value)}</td>
                  <td>
                    <ReadingMark reading={reading} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      ))}
    </div>
  )
}
