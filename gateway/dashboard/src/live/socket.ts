// The one WebSocket: resumes by cursor, backs off, and hangs up on a silent line.

import type {
  Bar,
  Explanation,
  RegimeProbabilities,
  ScoredSignal,
  SignalAcknowledged,
  SignalItem,
  Ticket,
} from '../contract'
import { access } from '../lib/access'
import { ask, parsed } from '../lib/api'

export type Signal = Omit<SignalItem, 'acknowledged' | 'score' | 'explained'>

export type StreamMessage =
  | { type: 'hello'; cursor: string; heartbeat_s: number; clock_ms: number | null }
  | { type: 'heartbeat'; clock_ms: number | null }
  | { type: 'signal'; cursor: string; data: Signal }
  | { type: 'score'; data: ScoredSignal }
  | { type: 'acknowledged'; data: SignalAcknowledged }
  | { type: 'explanation'; data: Explanation }
  | { type: 'bar'; data: Bar }
  | { type: 'regime'; data: RegimeProbabilities }
  | { type: 'gap'; reason: string }
  | { type: 'error'; error: string }

export interface Connection {
  phase: 'connecting' | 'live' | 'waiting'
  /** Failed attempts in a row. */
  attempt: number
  /** Wall clock of the next attempt, while waiting. */
  retryAtMs: number | null
}

const KINDS = 'signal,score,acknowledged,explanation,bar,regime'
const FIRST_WAIT_MS = 400
const LONGEST_WAIT_MS = 10_000
const SILENT_HEARTBEATS = 2.5

export class SignalSocket {
  private socket: WebSocket | null = null
  private cursor: string | null = null
  /** Of all of them comes what is new; empty: of the base one alone. */
  private timeframes: readonly string[] = []
  private attempt = 0
  private attempts = 0
  private silenceMs = 15_000
  private timer = 0

  constructor(
    private readonly onMessage: (message: StreamMessage) => void,
    private readonly onConnection: (connection: Connection) => void,
  ) {
    // A laptop that wakes, or a network that returns, should not wait for a timer.
    const hurry = () => {
      if (this.socket === null && document.visibilityState === 'visible') this.open()
    }
    addEventListener('online', hurry)
    document.addEventListener('visibilitychange', hurry)
  }

  open(): void {
    clearTimeout(this.timer)
    this.onConnection({ phase: 'connecting', attempt: this.attempt, retryAtMs: null })
    const query = new URLSearchParams({ kinds: KINDS })
    for (const timeframe of this.timeframes) query.append('timeframe', timeframe)
    if (this.cursor !== null) query.set('cursor', this.cursor)
    const address = new URL(`/api/realtime/signals?${query}`, location.href)
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
    void this.connect(address)
  }

  /** Open the line; who had to sign in shows a ticket, which no address and no log holds. */
  private async connect(address: URL): Promise<void> {
    const attempt = (this.attempts += 1)
    let protocols: string[] = []
    if (access.get().phase !== 'open') {
      const ticket = await ask<Ticket>('/api/realtime/ticket', {}).catch(() => null)
      if (attempt !== this.attempts) return
      if (ticket === null) {
        this.wait()
        return
      }
      protocols = ['regimeflow', `ticket.${ticket.ticket}`]
    }
    const socket = new WebSocket(address, protocols)
    this.socket = socket
    this.listenFor(socket)
    socket.onmessage = (event) => {
      if (this.socket !== socket) return
      this.listenFor(socket)
      const message = parsed(String(event.data))
      // What it said is not known: the page reads again what it may have missed.
      this.take((message ?? { type: 'gap', reason: 'a message could not be read' }) as unknown as StreamMessage)
    }
    socket.onclose = () => this.lost(socket)
  }

  /** Follow these timeframes from now on. */
  follow(timeframes: readonly string[]): void {
    if (timeframes.join() === this.timeframes.join()) return
    this.timeframes = timeframes
    if (this.socket === null) {
      this.attempts += 1 // a ticket on its way is for the old ones
      if (this.timer !== 0) this.open()
      return
    }
    // What was asked for changes with the line: the cursor brings what comes meanwhile.
    this.socket.onclose = null
    this.socket.close()
    this.open()
  }

  private take(message: StreamMessage): void {
    if (message.type === 'hello') {
      this.attempt = 0
      this.silenceMs = message.heartbeat_s * 1_000 * SILENT_HEARTBEATS
      this.onConnection({ phase: 'live', attempt: 0, retryAtMs: null })
    }
    if (message.type === 'hello' || message.type === 'signal') this.cursor = message.cursor
    this.onMessage(message)
  }

  /** A line that is open but silent is dead: the other end, or the way there, is gone. */
  private listenFor(socket: WebSocket): void {
    clearTimeout(this.timer)
    this.timer = window.setTimeout(() => {
      socket.close()
      this.lost(socket)
    }, this.silenceMs)
  }

  private lost(socket: WebSocket): void {
    if (this.socket !== socket) return
    this.socket = null
    this.wait()
  }

  private wait(): void {
    clearTimeout(this.timer)
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.attempt)
    const waitMs = longest * (0.5 + Math.random() / 2)
    this.attempt += 1
    this.onConnection({ phase: 'waiting', attempt: this.attempt, retryAtMs: Date.now() + waitMs })
    this.timer = window.setTimeout(() => this.open(), waitMs)
  }
}
