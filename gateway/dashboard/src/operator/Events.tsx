// What people wait for: what failed, stood still, changed or was refused, and what to do about it.

import type { EventEntry, EventList } from '../contract'
import { classes } from '../lib/classes'
import { countText, stampText } from '../lib/format'
import { useAnswer } from '../lib/useAnswer'
import { EmptyState } from '../ui/EmptyState'
import { TableScroll } from '../ui/TableScroll'
import { Tag } from '../ui/Tag'
import table from '../ui/table.module.css'
import text from '../ui/text.module.css'
import styles from './Events.module.css'
import { Answered, Section } from './Section'

const EVERY_MS = 5_000
const FEW = 20
const TONES = { urgent: 'bad', warning: 'warn', info: 'muted' } as const

export function Events() {
  const answer = useAnswer<EventList>(`/api/system/events?limit=${FEW}`, EVERY_MS)
  return (
    <Section title="Events" aside={<span className={text.aside}>newest first</span>}>
      <Answered answer={answer}>
        {({ events, topic }) =>
          events.length === 0 ? (
            <EmptyState title="Nothing has happened yet">
              <p>A process that fails, a feed that stands still, a gap or another model appears here as it happens.</p>
            </EmptyState>
          ) : (
            <>
              <TableScroll whole label="Events, as a table">
                <EventTable events={events} />
              </TableScroll>
              <p className={text.footNote}>
                The newest {countText(events.length)}; <code>{topic}</code> holds all of them.
              </p>
            </>
          )
        }
      </Answered>
    </Section>
  )
}

function EventTable({ events }: { events: readonly EventEntry[] }) {
  return (
    <table className={classes(styles.events, table.stacks)}>
      <caption className="unseen">Events, newest first</caption>
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">What</th>
          <th scope="col">About</th>
          <th scope="col">What happened, and what to do</th>
        </tr>
      </thead>
      <tbody>
        {events.map(({ offset, event_time_ms: timeMs, kind, severity, subject, text: said, remedy, count }) => (
          <tr key={offset}>
            <th scope="row">{stampText(timeMs)}</th>
            <td>
              <Tag tone={TONES[severity]}>{kind.replaceAll('_', ' ')}</Tag>
              {count > 1 && ` ${countText(count)} times`}
            </td>
            <td>
              <code>{subject}</code>
            </td>
            <td>
              {said}
              {remedy !== '' && <Remedy text={remedy} />}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** What to do, with the commands in it as such: they stand between backticks. */
function Remedy({ text: words }: { text: string }) {
  return (
    <span className={styles.remedy}>
      {words.split('`').map((part, place) => (place % 2 === 1 ? <code key={place}>{part}</code> : part))}
    </span>
  )
}
