// Why a signal is what it is: its drivers, its checks, the models behind it, provenance.

import type { SignalItem } from '../contract'
import { Checks } from './Checks'
import { Drivers } from './Drivers'
import { Ensemble } from './Ensemble'
import { Provenance } from './Provenance'

export function Explanation({ signal }: { signal: SignalItem }) {
  return (
    <>
      <Drivers signal={signal} />
      <Checks signal={signal} />
      <Ensemble signal={signal} />
      <Provenance signal={signal} />
    </>
  )
}
