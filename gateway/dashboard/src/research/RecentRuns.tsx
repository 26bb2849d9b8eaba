// The newest jobs of this gateway, whoever asked for them; each can be opened again.

import { useEffect, useState } from 'react'

import type { JobSummary } from '../contract'
import { countedText, countText, durationText, wallText } from '../lib/format'
import { Button } from '../ui/Button'
import { PanelHead, PlainPanel } from '../ui/Panel'
import styles from './RecentRuns.module.css'
import { JOB_TITLES, JOB_TONES, outcomeText, requestText } from './recentJob'
import { researchStore, useResearch } from './ResearchStore'

const FEW = 5
const MANY = 30

interface Props {
  shownId: string | null
  onShow: (job: JobSummary) => void
}

export function RecentRuns({ shownId, onShow }: Props) {
  const jobs = useResearch((state) => state.recentJobs)
  const [all, setAll] = useState(false)
  useEffect(() => {
    const pulse = setInterval(() => void researchStore.readRecentJobs(), 5_000)
    return () => clearInterval(pulse)
  }, [])
  if (jobs === null || jobs.length === 0) return null
  return (
    <PlainPanel className={styles.recent} aria-label="Recent runs">
      <PanelHead>
        <h3>Recent runs</h3>
        {jobs.length > FEW && (
          <Button aria-pressed={all} onClick={() => setAll(!all)}>
            {all ? 'Fewer' : `${countText(Math.min(jobs.length, MANY))}`}
          </Button>
        )}
      </PanelHead>
      <ul>
        {jobs.slice(0, all ? MANY : FEW).map((job) => (
          <li key={job.job_id}>
            <button type="button" aria-current={job.job_id === shownId} onClick={() => onShow(job)}>
              <b>{JOB_TITLES[job.kind]}</b> {job.symbol} {String(job.request['timeframe'] ?? '')}
              <span className={JOB_TONES[job.status]}>{job.status}</span>
              <span className={styles.request}>{requestText(job)}</span>
              <span className={styles.outcome}>{outcomeText(job)}</span>
              <span className="muted">
                {wallText(Date.parse(job.requested_at))}
                {job.kind !== 'performance' && job.trial !== null ? ` · ${countedText(job.trial, 'trial')}` : ''}
                {job.seconds === null ? '' : ` · ${durationText(job.seconds * 1_000)}`}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </PlainPanel>
  )
}
