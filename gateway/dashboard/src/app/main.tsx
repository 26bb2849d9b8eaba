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

import { App } from './SignalsPage'
import { desk } from '../live/LiveStore'
import { Boundary } from '../ui/ErrorBoundary'
import { usePage } from '../lib/route'
import { applyTheme } from '../lib/theme'

// Read when it is first asked for: most visits are to the signals.
const Research = lazy(() => import('../research/ResearchPage').then((module) => ({ default: module.Research })))

function Pages() {
  return usePage() === 'research' ? (
    <Suspense fallback={<div className="desk" aria-busy="true" />}>
      <Research />
    </Suspense>
  ) : (
    <App />
  )
}

applyTheme()
desk.start()
const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no element with the id root')
createRoot(root).render(
  <StrictMode>
    <Boundary what="The page">
      <Pages />
    </Boundary>
  </StrictMode>,
)
