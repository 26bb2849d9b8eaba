// The research page: what to run on the left, what came of it on the right.

import '../styles/research.css'

import { useEffect, useEffectEvent, useRef, useState } from 'react'

import { useLive } from '../live/LiveStore'
import { countText } from '../lib/format'
import { Dialog, Help } from '../ui/Dialog'
import { Failed, Nothing } from '../ui/marks'
import { SystemStatus } from '../live/SystemStatus'
import { TopBar } from '../live/TopBar'
import { SIGNALS } from '../lib/route'
import { toggleTheme } from '../lib/theme'
import { researchStore, isLive, useResearch } from './ResearchStore'
import { Compare } from './Compare'
import { type Body, bodyOf, type Draft, draftOf, linkOf, requestOf, TITLES } from './draft'
import { RunForm } from './RunForm'
import { RunOutcome } from './RunOutcome'
import { usePins } from './pins'
import { RecentRuns } from './RecentRuns'
import { isOfRequest, refusedOf } from './fieldErrors'
import type { Forms, Kind } from './schema'
import { carried, startingDraft } from './startingDraft'

const KEYS = [
  ['Ctrl ↵', 'Run what stands in the form'],
  ['Esc', 'Cancel the run'],
  ['f', 'To the form'],
  ['l', 'Copy the link of the result'],
  ['p', 'Pin the result, or take it off'],
  ['c', 'Compare pinned runs, or back'],
  ['← →', 'On a chart: read it at a time; with Shift faster'],
  ['r', 'To the signals'],
  ['t', 'Dark or light'],
  ['?', 'This help'],
] as const

type Tab = 'run' | 'compare'

export function ResearchPage() {
  const forms = useResearch((state) => state.forms)
  const tables = useResearch((state) => state.tables)
  const error = useResearch((state) => state.formsError)
  const symbols = useLive((state) => state.health?.symbols)
  const starting = useLive((state) => state.health?.status === 'starting')
  const [sheet, setSheet] = useState<'system' | 'help' | null>(null)
  useEffect(() => {
    void researchStore.open()
  }, [starting])
  const ready = forms !== null && tables !== null && symbols !== undefined && !starting
  return (
    <div className="liveStore research">
      <a className="skip" href="#outcome" onClick={(event) => skipTo(event, 'outcome')}>
        Skip to the result
      </a>
      <TopBar page="research" onSystem={() => setSheet('system')} onHelp={() => setSheet('help')} />
      {ready ? (
        <Workplace
          forms={forms}
          starting={(kind) => startingDraft(kind, forms[kind], tables, symbols)}
          onHelp={() => setSheet('help')}
        />
      ) : (
        <main className="research-work">
          <section className="panel" aria-label="Getting ready">
            {error && !starting ? (
              <>
                <Nothing title="The research researchStore cannot be reached">
                  <p>The form is made from what the gateway says of itself.</p>
                </Nothing>
                <Failed error={error} onRetry={() => void researchStore.open()} />
              </>
            ) : (
              <div className="ghosts" aria-busy="true" aria-label="The form is being read">
                {Array.from({ length: 8 }, (_, place) => (
                  <i key={place} className="ghost" />
                ))}
              </div>
            )}
          </section>
        </main>
      )}
      <footer className="foot muted">
        Analysis only: nothing here can place an order. Past results say little of what comes. <a href="/docs">API</a>
      </footer>
      <Dialog title="State of the system" side open={sheet === 'system'} onClose={() => setSheet(null)}>
        <SystemStatus />
      </Dialog>
      <Dialog title="Keyboard" open={sheet === 'help'} onClose={() => setSheet(null)}>
        <Help keys={KEYS}>
          Decisions are made at a bar's close and filled at the next open, with fee, slippage and funding. What was
          chosen among many is deflated by how many were tried.
        </Help>
      </Dialog>
    </div>
  )
}

function skipTo(event: { preventDefault: () => void }, id: string): void {
  event.preventDefault() // the address names the page
  document.getElementById(id)?.focus()
}

interface WorkProps {
  forms: Forms
  starting: (kind: Kind) => Draft
  onHelp: () => void
}

interface Asked {
  kind: Kind
  draft: Draft
}

function asked(forms: Forms, { kind, body }: { kind: Kind; body: Body }): Asked {
  return { kind, draft: draftOf(forms[kind].flatMap((group) => group.fields), body) }
}

function Workplace({ forms, starting, onHelp }: WorkProps) {
  const run = useResearch((state) => state.run)
  const result = useResearch((state) => state.result)
  const pins = usePins()
  const [tab, setTab] = useState<Tab>('run')
  const [linked, setLinked] = useState(() => requestOf(location.hash) !== null && run === null)
  const form = useRef<HTMLFormElement>(null)
  const outcome = useRef<HTMLDivElement>(null)
  const [{ kind, draft }, setAsked] = useState<Asked>(() => {
    const request = requestOf(location.hash) ?? (run && { kind: run.kind, body: run.body })
    return request ? asked(forms, request) : { kind: 'optimize', draft: starting('optimize') }
  })

  const fill = (request: { kind: Kind; body: Body }) => {
    setAsked(asked(forms, request))
    setTab('run')
  }
  const follow = useEffectEvent(() => {
    const request = requestOf(location.hash)
    if (request === null) return
    fill(request)
    setLinked(true)
  })
  useEffect(() => {
    const listen = () => follow()
    addEventListener('hashchange', listen)
    return () => removeEventListener('hashchange', listen)
  }, [])

  const start = () => {
    const body = bodyOf(forms[kind], draft)
    history.replaceState(null, '', linkOf(kind, body))
    setLinked(false)
    setTab('run')
    void researchStore.start(kind, body)
    outcome.current?.scrollTo(0, 0)
    outcome.current?.scrollIntoView({ block: 'start' })
  }

  // What was refused is where to go on: the first field that is wrong gets the focus.
  const error = run?.kind === kind ? run.error : null
  const refused = isOfRequest(error) ? error : null
  useEffect(() => {
    if (refused === null) return
    const wrong = refusedOf(refused, forms[kind], draft).fields.size > 0
    if (wrong) requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
  }, [refused])

  useShortcuts({
    run: start,
    cancel: () => void researchStore.cancel(),
    f: () => form.current?.querySelector<HTMLElement>('select, input')?.focus(),
    l: () => document.getElementById('copy-link')?.click(),
    p: () => document.getElementById('pin-run')?.click(),
    c: () => setTab(tab === 'compare' ? 'run' : 'compare'),
    r: () => {
      location.hash = SIGNALS
    },
    t: toggleTheme,
    '?': onHelp,
  })

  return (
    <main className="research-work">
      <div className="research-form">
        <RunForm
          key={kind}
          kind={kind}
          draft={draft}
          groups={forms[kind]}
          form={form}
          onKind={(next) => next !== kind && setAsked({ kind: next, draft: carried(draft, starting(next)) })}
          onChange={(next) => setAsked({ kind, draft: next })}
          onRun={start}
        />
        <RecentRuns
          onShow={async (jobId) => {
            setTab('run')
            setLinked(false)
            const job = await researchStore.show(jobId)
            if (job !== null && job.kind !== 'hyperopt') fill({ kind: job.kind, body: job.spec })
          }}
        />
      </div>
      <div id="outcome" ref={outcome} className="research-outcome" tabIndex={-1}>
        <div className="choices tabs" role="group" aria-label="What is shown">
          <button type="button" aria-pressed={tab === 'run'} onClick={() => setTab('run')}>
            {run === null ? 'Result' : TITLES[run.kind]}
          </button>
          <button type="button" aria-pressed={tab === 'compare'} onClick={() => setTab('compare')}>
            Compare <span className="count">{countText(pins.length)}</span>
          </button>
        </div>
        <p className="unseen" role="status">
          {run === null ? '' : isLive(run) ? 'Running' : result ? `Done. ${'verdict' in result ? result.verdict : ''}` : 'Ended without a result'}
        </p>
        {tab === 'compare' ? (
          <Compare />
        ) : linked ? (
          <Linked kind={kind} onRun={start} onLeave={() => setLinked(false)} />
        ) : run === null ? (
          <Idle onRun={start} />
        ) : (
          <RunOutcome run={run} />
        )}
      </div>
    </main>
  )
}

function Linked({ kind, onRun, onLeave }: { kind: Kind; onRun: () => void; onLeave: () => void }) {
  const run = useResearch((state) => state.run)
  return (
    <section className="panel idle" aria-label="From a link">
      <p className="eyebrow">From a link</p>
      <h2>{TITLES[kind]}, as it was asked for</h2>
      <p className="lead">The form on this page holds the whole request. The same bars give the same result.</p>
      <p className="idle-acts">
        <button type="button" className="button button-main" onClick={onRun}>
          Run it <kbd>Ctrl</kbd>
          <kbd>↵</kbd>
        </button>
        {run !== null && (
          <button type="button" className="button" onClick={onLeave}>
            Back to the last result
          </button>
        )}
      </p>
    </section>
  )
}

const STEPS = [
  ['Optimise', 'Every combination of a grid. The best of them is set against what luck alone would have found.'],
  ['Walk forward', 'Choose on one stretch, trade the next, move on: only what was not chosen on counts.'],
  ['Back-test', 'One set of parameters: equity, drawdown, months, and how sure its numbers are.'],
] as const

function Idle({ onRun }: { onRun: () => void }) {
  return (
    <section className="panel idle" aria-label="Nothing has run">
      <p className="eyebrow">Research</p>
      <h2>Does it hold, or was it luck?</h2>
      <p className="lead">Costs, funding and the number of tries are part of every answer.</p>
      <dl className="idle-kinds">
        {STEPS.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="muted">{text}</dd>
          </div>
        ))}
      </dl>
      <p className="idle-acts">
        <button type="button" className="button button-main" onClick={onRun}>
          Run what stands in the form <kbd>Ctrl</kbd>
          <kbd>↵</kbd>
        </button>
      </p>
    </section>
  )
}

/** Ctrl+Enter and Escape work wherever the focus is; letters rest while someone types. */
function useShortcuts(acts: { readonly [key: string]: () => unknown }): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    const target = event.target as HTMLElement
    if (target.closest('dialog')) return
    const strong = event.ctrlKey || event.metaKey
    const typing = target.closest('input:not([type=checkbox]), select, textarea') !== null
    const name = event.key === 'Enter' && strong ? 'run' : event.key === 'Escape' ? 'cancel' : event.key
    if (name !== 'run' && name !== 'cancel' && (typing || strong || event.altKey)) return
    const act = acts[name]
    if (act === undefined) return
    event.preventDefault()
    if (name === 'run' && researchStore.snapshot().run !== null && isLive(researchStore.snapshot().run!)) return
    act()
  })
  useEffect(() => {
    const listen = (event: KeyboardEvent) => press(event)
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [])
}
