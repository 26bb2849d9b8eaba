import '../styles/tokens.css'
import '../styles/base.css'
import '../styles/marks.css'
import '../styles/top.css'
import '../styles/master.css'
import '../styles/detail.css'
import '../styles/beginning.css'
import '../styles/sheets.css'
import '../styles/widths.css'

import { lazy, StrictMode, Suspense } from 'react'
import { createRoot } from 'react-dom/client'

import { SignalsPage } from './SignalsPage'
import { liveStore } from '../live/LiveStore'
import { ErrorBoundary } from '../ui/ErrorBoundary'
import { usePage } from '../lib/route'
import { applyTheme } from '../lib/theme'

// Read when it is first asked for: most visits are to the signals.
const ResearchPage = lazy(() => import('../research/ResearchPage').then((module) => ({ default: module.ResearchPage })))

function Pages() {
  return usePage() === 'research' ? (
    <Suspense fallback={<div className="liveStore" aria-busy="true" />}>
      <ResearchPage />
    </Suspense>
  ) : (
    <SignalsPage />
  )
}

applyTheme()
liveStore.start()
const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no element with the id root')
createRoot(root).render(
  <StrictMode>
    <ErrorBoundary what="The page">
      <Pages />
    </ErrorBoundary>
  </StrictMode>,
)
