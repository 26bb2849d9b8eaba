// Reads why a signal is what it is, and asks for an explanation where none was made.

import type { PredictAnswer, SignalDetail, SignalItem } from '../contract'
import { asApiError, ask, askPlain } from '../lib/api'
import { type Store, update } from '../lib/store'
import { withSignals } from './fold'
import type { ExplanationState, LiveState } from './LiveState'

const LOADING: ExplanationState = { explanation: null, ranks: {}, phase: 'loading', error: null }

export class ExplanationReader {
  constructor(private readonly state: Store<LiveState>) {}

  /** Read one signal with its explanation, however old it is. */
  async open(signalId: string): Promise<void> {
    const phase = this.state.get().explanations.get(signalId)?.phase
    if (phase === 'ready' || phase === 'loading') return
    this.put(signalId, LOADING)
    await this.read(signalId)
  }

  /** Read again what is shown; an explanation that came over the stream has no ranks yet. */
  async read(signalId: string): Promise<void> {
    try {
      const { explanation, ranks, ...signal } = await ask<SignalDetail>(`/api/signals/${encodeURIComponent(signalId)}`)
      update(this.state, { signals: withSignals(this.state.get().signals, [signal]) })
      this.put(signalId, { explanation, ranks, phase: explanation ? 'ready' : 'none', error: null })
    } catch (error) {
      this.put(signalId, { ...LOADING, phase: 'failed', error: asApiError(error) })
    }
  }

  /** Ask for an explanation that was not made by itself; it may follow on the stream. */
  async request(signal: SignalItem): Promise<void> {
    const signalId = signal.signal_id
    this.put(signalId, LOADING)
    try {
      const { explanation } = await askPlain<PredictAnswer>('/api/v1/predict', {
        symbol: signal.symbol,
        timeframe: this.timeframeAt(signal.timeframe_ms),
        timestamp: new Date(signal.event_time_ms).toISOString(),
        explain: true,
        risk_check: false,
      })
      if (this.state.get().explanations.get(signalId)?.phase === 'ready') return
      this.put(signalId, { ...LOADING, explanation, phase: explanation ? 'ready' : 'pending' })
    } catch (error) {
      this.put(signalId, { ...LOADING, phase: 'failed', error: asApiError(error) })
    }
  }

  /** The name of a length; undefined for the base one, which a question need not name. */
  private timeframeAt(lengthMs: number): string | undefined {
    const [, ...higher] = this.state.get().health?.timeframes ?? []
    return higher.find(({ timeframe_ms }) => timeframe_ms === lengthMs)?.timeframe
  }

  put(signalId: string, explanation: ExplanationState): void {
    const explanations = new Map(this.state.get().explanations).set(signalId, explanation)
    update(this.state, { explanations })
  }
}
