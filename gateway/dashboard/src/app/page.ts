// The pages, and which of them is shown, as the address says.

import { useAddress } from '../lib/address'
import {
  ANALYSIS,
  CHALLENGES,
  MODELS,
  NOW,
  OPERATOR,
  type Page,
  pageOf,
  PERFORMANCE,
  RESEARCH,
  SETTINGS,
  SIGNALS,
} from '../lib/route'

export interface PageLink {
  page: Page
  name: string
  place: string
  /** What leads there from any other page; null: the key of the page that is shown leads back. */
  key: string | null
  meaning: string
}

export const PAGES: readonly PageLink[] = [
  { page: 'now', name: 'Now', place: NOW, key: 'i', meaning: 'Ideas of the moment' },
  { page: 'signals', name: 'Signals', place: SIGNALS, key: null, meaning: 'To the signals' },
  { page: 'analysis', name: 'Analysis', place: ANALYSIS, key: 'm', meaning: 'Timeframes side by side' },
  { page: 'performance', name: 'Performance', place: PERFORMANCE, key: 'b', meaning: 'What it has earned' },
  { page: 'models', name: 'Models', place: MODELS, key: 'v', meaning: 'Versions of models' },
  { page: 'challenges', name: 'Challenges', place: CHALLENGES, key: 'd', meaning: 'Models compared live' },
  { page: 'research', name: 'Research', place: RESEARCH, key: 'r', meaning: 'To the research page' },
  { page: 'settings', name: 'Settings', place: SETTINGS, key: ',', meaning: 'To the settings' },
  { page: 'operator', name: 'Operator', place: OPERATOR, key: '.', meaning: 'To the operator page' },
]

export function usePage(): Page {
  return useAddress(({ hash }) => pageOf(hash))
}
