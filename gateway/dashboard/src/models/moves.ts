// How a version can be moved from the stage that it has.

import type { VersionList, VersionView } from '../contract'

export interface Move {
  /** On the button that tries it. */
  name: string
  title: (number: number) => string
  confirm: string
  /** What is done then. */
  verb: string
  /** Below the models of a strategy. */
  route: 'promote' | 'stage' | 'rollback'
  body: (version: VersionView) => object
}

const named = ({ version, timeframe }: VersionView) => ({ version, timeframe })

const PROMOTE: Move = {
  name: 'Try to promote',
  title: (number) => `Promote version ${number}`,
  confirm: 'Promote it',
  verb: 'promoted',
  route: 'promote',
  body: named,
}
const STAGE: Move = {
  name: 'Put into Staging',
  title: (number) => `Put version ${number} into Staging`,
  confirm: 'Stage it',
  verb: 'staged',
  route: 'stage',
  body: (version) => ({ ...named(version), stage: 'Staging' }),
}
const ARCHIVE: Move = {
  name: 'Archive',
  title: (number) => `Archive version ${number}`,
  confirm: 'Archive it',
  verb: 'archived',
  route: 'stage',
  body: (version) => ({ ...named(version), stage: 'Archived' }),
}
const ROLL_BACK: Move = {
  name: 'Try to roll back to it',
  title: (number) => `Roll back to version ${number}`,
  confirm: 'Roll back',
  verb: 'rolled back to',
  route: 'rollback',
  body: named,
}
const UNDO: Move = {
  ...ROLL_BACK,
  name: 'Try to roll back',
  title: (number) => `Roll back from version ${number}`,
  verb: 'rolled back',
  body: ({ timeframe }) => ({ timeframe }),
}

/** The moves of a version, the likeliest first. */
export function movesOf(version: VersionView, { versions }: VersionList): readonly Move[] {
  switch (version.stage) {
    case 'Production':
      return versions.some((other) => other.stage === 'Archived' && other.effective_from !== null) ? [UNDO] : []
    case 'Staging':
      return [PROMOTE, ARCHIVE]
    case 'Archived':
      return version.effective_from === null ? [STAGE] : [ROLL_BACK, STAGE]
    case 'None':
      return [STAGE, ARCHIVE]
  }
}
