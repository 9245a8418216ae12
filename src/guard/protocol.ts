/*
 * guard: shows that the workers of this process live, and keeps the installation in order when it leads. It runs in a
 * thread with connections of its own, so that a handler that blocks the event loop looks busy, not dead; where no thread
 * can be had it runs on the main loop.
 *
 *   worker ──enter──► post ──orders──► guard ──► two sessions: LISTEN · heartbeats; presence locks on both
 *          ◄─answers──      ◄─reports──       ──► maintenance, while it leads
 */
import type pg from 'pg'
import type { HeartbeatAnswer } from '../db/calls/worker.ts'
import type { Events } from '../event/events.ts'
import type { GuardEntry, WorkerSnapshot } from '../worker/guard.ts'
import type { PackedError } from './packed-error.ts'

/** What a guard has to know; it can be sent to a thread. */
export interface GuardSettings {
  /** How to connect, past any transaction pooler if possible. */
  readonly config: pg.PoolConfig
  /** Whether the password has to be asked for at each connection. */
  readonly asksPassword: boolean
  readonly schema: string
  readonly listen: boolean
  /** Whether sessions last: not behind a transaction pooler, where heartbeats alone show that a worker lives. */
  readonly sessions: boolean
  readonly retentionMs: number | null
  readonly beatMs: number
  readonly leaseMs: number
}

/** What the main loop wants; each order is answered by a report `done`. */
export type Order = { readonly call: number } & (
  | { readonly kind: 'enter'; readonly entry: GuardEntry }
  | { readonly kind: 'quiet'; readonly workerId: string }
  | { readonly kind: 'leave'; readonly workerId: string }
  | { readonly kind: 'stop' }
)

/** The answer to a question of the guard. */
export type Reply = { readonly kind: 'reply'; readonly call: number } & (
  | { readonly snapshot: WorkerSnapshot | null }
  | { readonly password: string }
  | { readonly error: PackedError }
)

/** What the guard says. */
export type Report =
  | { readonly kind: 'done'; readonly call: number; readonly error: PackedError | null }
  | { readonly kind: 'ask'; readonly call: number; readonly what: 'snapshot'; readonly workerId: string }
  | { readonly kind: 'ask'; readonly call: number; readonly what: 'password' }
  | {
      readonly kind: 'answered'
      readonly workerId: string
      readonly answer: HeartbeatAnswer
      readonly idle: boolean
    }
  | { readonly kind: 'failed'; readonly workerId: string; readonly error: PackedError }
  | { readonly kind: 'heard'; readonly payload: string }
  | { readonly kind: 'hearing'; readonly hears: boolean }
  | { readonly kind: 'disconnected'; readonly error: PackedError }
  | { readonly kind: 'connected' }
  | { readonly kind: 'fenced'; readonly workerId: string; readonly silentMs: number }
  | { readonly kind: 'unfenced'; readonly workerId: string }
  | { readonly kind: 'rescued'; readonly fact: Events['worker:rescued'] }
  | { readonly kind: 'unknown tasks'; readonly fact: Events['tasks:unknown'] }
  | { readonly kind: 'failover'; readonly fact: Events['database:failover'] }
  | { readonly kind: 'error'; readonly during: string; readonly error: PackedError }
