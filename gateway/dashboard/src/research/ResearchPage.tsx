// The research page: what to run on the left, what came of it on the right.

import '../styles/research.css'

import { type ComponentType, useEffect } from 'react'

import type { SymbolHealth } from '../contract'
import type { FrameProps } from '../ui/frame'
import { Failed, Nothing } from '../ui/marks'
import { researchStore, useResearch } from './ResearchStore'
import { startingDraft } from './startingDraft'
import { Workbench } from './Workbench'

interface Props {
  /** The frame around the page: it listens to the page's keys. */
  Frame: ComponentType<FrameProps>
  /** Markets that can be back-tested; undefined until the gateway has named them. */
  symbols: readonly SymbolHealth[] | undefined
  /** Whether the gateway still reads its topics. */
  isStarting: boolean
}

export function ResearchPage({ Frame, symbols, isStarting }: Props) {
  const forms = useResearch((state) => state.forms)
  const tables = useResearch((state) => state.tables)
  const error = useResearch((state) => state.formsError)
  useEffect(() => {
    void researchStore.open()
  }, [isStarting])
  const isReady = forms !== null && tables !== null && symbols !== undefined && !isStarting
  const frame = {
    className: 'research',
    skipLink: <SkipLink />,
    help: "Decisions are made at a bar's close and filled at the next open, with fee, slippage and funding. What was chosen among many is deflated by how many were tried.",
    footer: (
      <>
        Analysis only: nothing here can place an order. Past results say little of what comes. <a href="/docs">API</a>
      </>
    ),
  }
  if (isReady)
    return (
      <Workbench
        Frame={Frame}
        frame={frame}
        forms={forms}
        symbols={symbols}
        startingDraft={(kind) => startingDraft(kind, forms[kind], tables, symbols)}
      />
    )
  return (
    <Frame {...frame} keys={[]}>
      <main className="research-work">
        <section className="panel" aria-label="Getting ready">
          {error && !isStarting ? (
            <>
              <Nothing title="The research bench cannot be reached">
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
    </Frame>
  )
}

function SkipLink() {
  return (
    <a
      className="skip"
      href="#outcome"
      onClick={(event) => {
        event.preventDefault() // the address names the page
        document.getElementById('outcome')?.focus()
      }}
    >
      Skip to the result
    </a>
  )
}
