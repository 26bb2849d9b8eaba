// The ledger of bars: what is missing, what came late, what looks wrong.

import { useState } from 'react'

import type { LedgerEntryView, LedgerList } from '../contract'
import { classes } from '../lib/classes'
import { closeText, countedText, countText, dayText, stampText, timeframeText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { Button } from '../ui/Button'
import { EmptyState } from '../ui/EmptyState'
import { TableScroll } from '../ui/TableScroll'
import { Tag } from '../ui/Tag'
import table from '../ui/table.module.css'
import text from '../ui/text.module.css'
import styles from './Findings.module.css'
import { Answered, Section } from './Section'

const EVERY_MS = 10_000

const TONES: Partial<Record<LedgerEntryView['kind'], 'bad' | 'warn' | 'good'>> = {
  gap: 'bad',
  stall: 'bad',
  rejected: 'bad',
  funding_hole: 'warn',
  partial: 'warn',
  late: 'warn',
  volume_mismatch: 'warn',
  price_mismatch: 'warn',
  repaired: 'good',
}

export function Findings() {
  const [kind, setKind] = useState<LedgerEntryView['kind'] | null>(null)
  const path = `/api/system/ledger${kind === null ? '' : `?kind=${kind}`}`
  const answer = useAnswer<LedgerList>(path, EVERY_MS)
  const counts = useAnswer<LedgerList>('/api/system/ledger?limit=1', EVERY_MS).data?.counts ?? {}
  const kinds = Object.entries(counts) as [LedgerEntryView['kind'], number][]
  return (
    <Section title="Ledger of bars" aside={<span className={text.aside}>in market time, newest first</span>}>
      {kinds.length > 0 && (
        <div className={styles.kinds} role="group" aria-label="Kinds of findings">
          <Button aria-pressed={kind === null} onClick={() => setKind(null)}>
            All
          </Button>
          {kinds.map(([name, count]) => (
            <Button key={name} aria-pressed={kind === name} onClick={() => setKind(kind === name ? null : name)}>
              {wordsOf(name)} {countText(count)}
            </Button>
          ))}
        </div>
      )}
      <Answered answer={answer}>
        {({ findings, topic }) =>
          findings.length === 0 ? (
            <EmptyState title={kind === null ? 'Nothing is missing' : `No ${wordsOf(kind)} is held`}>
              <p>Gaps, late and corrected bars appear here as soon as they are booked.</p>
            </EmptyState>
          ) : (
            <>
              <TableScroll whole label="Findings, as a table">
                <FindingTable findings={findings} />
              </TableScroll>
              <p className={text.footNote}>
                The newest {countText(findings.length)}; <code>{topic}</code> holds all of them.
              </p>
            </>
          )
        }
      </Answered>
    </Section>
  )
}

function FindingTable({ findings }: { findings: readonly LedgerEntryView[] }) {
  return (
    <table className={classes(styles.findings, table.stacks)}>
      <caption className="unseen">Findings about bars, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Found at</th>
          <th scope="col">Market</th>
          <th scope="col">Kind</th>
          <th scope="col">Length</th>
          <th scope="col">From, to</th>
          <th scope="col">What is known</th>
        </tr>
      </thead>
      <tbody>
        {findings.map((finding) => (
          <tr
            key={`${finding.symbol} ${finding.timeframe_ms} ${finding.kind} ${finding.from_ms} ${finding.event_time_ms}`}
          >
            <th scope="row">{stampText(finding.event_time_ms)}</th>
            <td>
              {finding.symbol} <span className="muted">{timeframeText(finding.timeframe_ms)}</span>
            </td>
            <td>
              <Tag tone={TONES[finding.kind] ?? 'muted'}>{wordsOf(finding.kind)}</Tag>
            </td>
            <td>{countedText(finding.bars, 'bar')}</td>
            <td>{spanText(finding)}</td>
            <td>{knownText(finding) || <span className="muted">–</span>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function wordsOf(kind: string): string {
  return kind.replaceAll('_', ' ')
}

function spanText({ from_ms: from, to_ms: to }: LedgerEntryView): string {
  const end = dayText(from) === dayText(to) ? closeText(to) : `${dayText(to)}, ${closeText(to)}`
  return `${dayText(from)}, ${closeText(from)} – ${end}`
}

function knownText({ bars, filled, note }: LedgerEntryView): string {
  const came = filled === null || filled === 0 ? '' : filled >= bars ? 'all came later' : `${filled} came later`
  return [came, note].filter(Boolean).join('; ')
}
