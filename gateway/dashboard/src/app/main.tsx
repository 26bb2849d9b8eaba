import '@fontsource-variable/inter/wght.css'
import '@fontsource-variable/jetbrains-mono/wght.css'
import '../styles/tokens.css'
import '../styles/base.css'
import '../styles/meaning.css'

import { lazy, StrictMode, Suspense, useEffect } from 'react'
import { createRoot } from 'react-dom/client'

import { startAccess, useAccess } from '../lib/access'
import type { Page } from '../lib/route'
import { applyTheme } from '../lib/theme'
import { liveStore, useLive } from '../live/LiveStore'
import { useTimeframes } from '../live/timeframes'
import { ErrorBoundary } from '../ui/ErrorBoundary'
import type { FrameProps } from '../ui/frame'
import { usePage } from './page'
import { PageFrame } from './PageFrame'
import frame from './PageFrame.module.css'

// Each is loaded when it is first asked for.
const SignInPage = lazy(() => import('./SignInPage').then((module) => ({ default: module.SignInPage })))
const IdeaNotices = lazy(() => import('../live/ideaNotices').then((module) => ({ default: module.IdeaNotices })))
const SignalsPage = lazy(() => import('./SignalsPage').then((module) => ({ default: module.SignalsPage })))
const NowPage = lazy(() => import('../now/NowPage').then((module) => ({ default: module.NowPage })))
const AnalysisPage = lazy(() => import('../analysis/AnalysisPage').then((module) => ({ default: module.AnalysisPage })))
const ChallengesPage = lazy(() =>
  import('../challenges/ChallengesPage').then((module) => ({ default: module.ChallengesPage })),
)
const ResearchPage = lazy(() => import('../research/ResearchPage').then((module) => ({ default: module.ResearchPage })))
const PerformancePage = lazy(() =>
  import('../performance/PerformancePage').then((module) => ({ default: module.PerformancePage })),
)
const ModelsPage = lazy(() => import('../models/ModelsPage').then((module) => ({ default: module.ModelsPage })))
const OperatorPage = lazy(() => import('../operator/OperatorPage').then((module) => ({ default: module.OperatorPage })))
const SettingsPage = lazy(() => import('../settings/SettingsPage').then((module) => ({ default: module.SettingsPage })))

const frameOf = (page: Page) => (props: FrameProps) => <PageFrame page={page} {...props} />
const NowFrame = frameOf('now')
const ChallengesFrame = frameOf('challenges')
const AnalysisFrame = frameOf('analysis')
const PerformanceFrame = frameOf('performance')
const ResearchFrame = frameOf('research')
const ModelsFrame = frameOf('models')
const SettingsFrame = frameOf('settings')
const OperatorFrame = frameOf('operator')

function Entrance() {
  const phase = useAccess((state) => state.phase)
  if (phase === 'checking') return null
  if (phase === 'in' || phase === 'open') return <Pages />
  return (
    <Suspense>
      <SignInPage />
    </Suspense>
  )
}

function Pages() {
  const { shown } = useTimeframes()
  useEffect(() => {
    if (shown !== null) liveStore.showTimeframe(shown)
  }, [shown])
  const page = usePage()
  return (
    <>
      <Suspense>
        <IdeaNotices />
      </Suspense>
      <ShownPage page={page} />
    </>
  )
}

function ShownPage({ page }: { page: Page }) {
  return (
    <Suspense fallback={<div className={frame.page} aria-busy="true" />}>
      {page === 'signals' && <SignalsPage />}
      {page === 'now' && <NowPage Frame={NowFrame} />}
      {page === 'challenges' && <ChallengesPage Frame={ChallengesFrame} />}
      {page === 'research' && <Research />}
      {page === 'analysis' && <AnalysisPage Frame={AnalysisFrame} />}
      {page === 'performance' && <PerformancePage Frame={PerformanceFrame} />}
      {page === 'models' && <ModelsPage Frame={ModelsFrame} />}
      {page === 'settings' && <Settings />}
      {page === 'operator' && <OperatorPage Frame={OperatorFrame} />}
    </Suspense>
  )
}

function Settings() {
  const isStarting = useLive((state) => state.health?.status === 'starting')
  return <SettingsPage Frame={SettingsFrame} isStarting={isStarting} />
}

function Research() {
  const symbols = useLive((state) => state.health?.symbols)
  const isStarting = useLive((state) => state.health?.status === 'starting')
  return <ResearchPage Frame={ResearchFrame} symbols={symbols} isStarting={isStarting} />
}

applyTheme()
void startAccess().finally(() => liveStore.start())
const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no element with the id root')
createRoot(root).render(
  <StrictMode>
    <ErrorBoundary what="The page">
      <Entrance />
    </ErrorBoundary>
  </StrictMode>,
)
