// A trade as one writes it down. The gateway judges it; a form sent twice is one command.

import { type ComponentPropsWithRef, type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react'

import type { OutcomeView } from '../contract'
import { useDenial } from '../lib/access'
import { type ApiError, asApiError } from '../lib/api'
import { commandKeys, sendCommand } from '../lib/command'
import { useLive } from '../live/LiveStore'
import { Button } from '../ui/Button'
import { Choices } from '../ui/Choices'
import { Failure } from '../ui/Failure'
import { PlainPanel } from '../ui/Panel'
import text from '../ui/text.module.css'
import { DraftChart, type Ground } from './DraftChart'
import type { TradeDraft } from './tradeDraft'
import styles from './TradeForm.module.css'

interface Props {
  title: string
  lead: string
  /** What the form begins with. */
  draft: TradeDraft
  /** Whether the market can be chosen: a correction keeps it. */
  isNew: boolean
  /** What the trade is about; null: nothing. */
  ground: Ground | null
  requestOf: (draft: TradeDraft) => { path: string; method: string; body: object }
  onRecorded: (tradeId: string) => void
}

const ACTIONS = [
  ['executed', 'Executed', 'You did it'],
  ['skipped', 'Skipped', 'You saw it and let it pass'],
  ['missed', 'Missed', 'You did not see it in time'],
] as const
const SIDES = [
  ['buy', '▲ Buy', 'Long'],
  ['sell', '▼ Sell', 'Short'],
] as const

export function TradeForm({ title, lead, draft: initial, isNew, ground, requestOf, onRecorded }: Props) {
  const [draft, setDraft] = useState(initial)
  const [error, setError] = useState<ApiError | null>(null)
  const [outcome, setOutcome] = useState<OutcomeView | null>(null)
  const [isSending, setIsSending] = useState(false)
  const [keyOf] = useState(commandKeys)
  const denied = useDenial('operate')
  const form = useRef<HTMLFormElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  const set = (fields: Partial<TradeDraft>) => setDraft((before) => ({ ...before, ...fields }))
  const isExecuted = draft.action === 'executed'

  const record = async () => {
    const { path, method, body } = requestOf(draft)
    setError(null)
    setOutcome(null)
    setIsSending(true)
    await sendCommand(path, body, keyOf(body), method)
      .then((decided) => (decided.subject === null ? setOutcome(decided) : onRecorded(decided.subject)))
      .catch((refusal: unknown) => setError(asApiError(refusal)))
    setIsSending(false)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (denied === null && !isSending) void record()
  }
  const press = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    form.current?.requestSubmit()
  }
  return (
    <div className={styles.drafting} onKeyDown={press}>
      <PlainPanel aria-label={title}>
        <form ref={form} className={styles.form} onSubmit={submit}>
          <div>
            <h2 ref={heading} tabIndex={-1}>
              {title}
            </h2>
            <p className={text.lead}>{lead}.</p>
          </div>
          <div className={styles.choices}>
            <Pressed label="Action" all={ACTIONS} chosen={draft.action} onChoose={(action) => set({ action })} />
            <Pressed label="Side" all={SIDES} chosen={draft.side} onChoose={(side) => set({ side })} />
          </div>
          <div className={styles.fields}>
            <Market symbol={draft.symbol} isFixed={!isNew} onChange={(symbol) => set({ symbol })} />
            <Amount
              name={isExecuted ? 'Entry price' : 'Price that was to be had'}
              required={isExecuted}
              value={draft.entry}
              onText={(entry) => set({ entry })}
            />
            <Amount name="Exit price, none: open" value={draft.exit} onText={(exit) => set({ exit })} />
            <Amount name="Quantity, base currency" value={draft.quantity} onText={(quantity) => set({ quantity })} />
            {isExecuted && (
              <Amount
                name="Fees of both sides, quote currency"
                placeholder="a taker's"
                value={draft.fees}
                onText={(fees) => set({ fees })}
              />
            )}
            <Time name="Opened, UTC; none: now" value={draft.opened} onText={(opened) => set({ opened })} />
            {draft.exit !== '' && (
              <Time name="Closed, UTC; none: now" value={draft.closed} onText={(closed) => set({ closed })} />
            )}
          </div>
          <label className={text.field}>
            Notes
            <textarea
              rows={3}
              maxLength={2_000}
              value={draft.notes}
              placeholder="Why, and what you saw"
              onChange={(event) => set({ notes: event.target.value })}
            />
          </label>
          {error && <Failure error={error} />}
          {outcome !== null && (
            <p role="status">
              Not decided yet: <a href={outcome.url}>its outcome</a> will tell.
            </p>
          )}
          <p className={styles.actions}>
            <Button type="submit" kind="main" disabled={denied !== null || isSending}>
              Record it <kbd aria-hidden="true">Ctrl</kbd>
              <kbd aria-hidden="true">↵</kbd>
            </Button>
            <Button onClick={() => history.back()}>Leave it</Button>
            <span className={text.aside}>{denied === null ? 'Nothing is ordered by this.' : `${denied}.`}</span>
          </p>
        </form>
      </PlainPanel>
      <DraftChart draft={draft} ground={ground} onPrice={(field, price) => set({ [field]: price })} />
    </div>
  )
}

interface PressedProps<Value extends string> {
  label: string
  all: readonly (readonly [value: Value, name: string, meaning: string])[]
  chosen: Value
  onChoose: (value: Value) => void
}

function Pressed<Value extends string>({ label, all, chosen, onChoose }: PressedProps<Value>) {
  return (
    <Choices accent aria-label={label}>
      {all.map(([value, name, meaning]) => (
        <button
          key={value}
          type="button"
          title={meaning}
          aria-pressed={value === chosen}
          onClick={() => onChoose(value)}
        >
          {name}
        </button>
      ))}
    </Choices>
  )
}

function Market({ symbol, isFixed, onChange }: { symbol: string; isFixed: boolean; onChange: (to: string) => void }) {
  const markets = useLive(({ health }) => health?.symbols)
  const known = (markets ?? []).map((market) => market.symbol)
  const symbols = known.includes(symbol) ? known : [symbol, ...known]
  return (
    <label className={text.field}>
      Market
      <select value={symbol} disabled={isFixed} onChange={(event) => onChange(event.target.value)}>
        {symbols.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
    </label>
  )
}

interface TextProps extends Omit<ComponentPropsWithRef<'input'>, 'onChange'> {
  name: string
  onText: (text: string) => void
}

function Amount({ name, onText, ...props }: TextProps) {
  return (
    <label className={text.field}>
      {name}
      <input
        inputMode="decimal"
        autoComplete="off"
        pattern="\s*-?\d{1,15}(\.\d{1,12})?\s*"
        title="A decimal number such as 45000.5"
        onChange={(event) => onText(event.target.value)}
        {...props}
      />
    </label>
  )
}

function Time({ name, onText, ...props }: TextProps) {
  return (
    <label className={text.field}>
      {name}
      <input type="datetime-local" step={1} onChange={(event) => onText(event.target.value)} {...props} />
    </label>
  )
}
