// The research page: what to run on the left, what came of it on the right.

import { type ComponentType, lazy, Suspense, useEffect } from 'react'

import type { SymbolHealth } from '../contract'
import { EmptyState } from '../ui/EmptyState'
import { Failure } from '../ui/Failure'
import type { FrameProps } from '../ui/frame'
import { PlainPanel } from '../ui/Panel'
import { Skeleton } from '../ui/Skeleton'
import { SkipLink } from '../ui/SkipLink'
import styles from './ResearchPage.module.css'
import { researchStore, useResearch } from './ResearchStore'
import { startingDraft } from './startingDraft'

// Its code comes while the gateway says of what the form is made.
const Workbench = lazy(() => import('./Workbench').then((module) => ({ default: module.Workbench })))

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
    skipLink: <SkipLink to="outcome">Skip to the result</SkipLink>,
    help: "Decisions are made at a bar's close and filled at the next open, with fee, slippage and funding. What was chosen among many is deflated by how many were tried.",
    footer: (
      <>
        Analysis only: nothing here can place an order. Past results say little of what comes. <a href="/docs">API</a>
      </>
    ),
  }
  const waiting = (
    <Frame {...frame} keys={[]}>
      <main className={styles.work}>
        <PlainPanel aria-label="Getting ready">
          {error && !isStarting ? (
            <>
              <EmptyState title="The research bench cannot be reached">
                <p>The form is made from what the gateway says of itself.</p>
              </EmptyState>
              <Failure error={error} onRetry={() => void researchStore.open()} />
            </>
          ) : (
            <Skeleton rows={8} label="The form is being read" />
          )}
        </PlainPanel>
      </main>
    </Frame>
  )
  if (!isReady) return waiting
  return (
    <Suspense fallback={waiting}>
      <Workbench
        Frame={Frame}
        frame={frame}
        forms={forms}
        symbols={symbols}
        startingDraft={(kind) => startingDraft(kind, forms[kind], tables, symbols)}
      />
    </Suspense>
  )
}
