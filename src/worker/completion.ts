import { CeleriacError, isCeleriacError } from '../base/errors.ts'
import {
  type Completed,
  completeAttempt,
  type Fate,
  type FencedAttempt,
  findFate,
} from '../db/calls/complete-attempt.ts'
import type { Database, Executor } from '../db/database.ts'
import { type OpenTransaction, openTransaction, type TransactionClient } from '../db/open-transaction.ts'
import { callerTransaction, type TransactionInput } from '../db/transaction.ts'
import type { Attempt } from './attempt.ts'
import { encodeValue, type ValueContext } from './encode-value.ts'
import type { Outcome } from './outcome.ts'

/** What settling inside of transactions needs of the worker. */
export interface CompletionContext extends ValueContext {
  /** Connections of the app: transactions of handlers are taken from here. */
  readonly database: Database
  /** Connections no handler can use up: what became of a transaction is asked here. */
  readonly work: Database
}

/** What came of it by the end of the handler. */
export type Verdict =
  /** Settled: nothing is left to send. */
  | { readonly settled: Extract<Outcome, { kind: 'settled' }> }
  /** Not settled; `failure` is why the attempt has failed although its handler returned, null for no such reason. */
  | { readonly settled: null; readonly failure: Failure | null }

/** Something thrown. */
interface Failure {
  readonly error: unknown
}

type State =
  /** Nothing was begun, or what was begun is rolled back. */
  | { readonly kind: 'idle' }
  /** A function runs in a transaction of ours. */
  | { readonly kind: 'open' }
  /** The settle is on its way, or its commit, or the question what became of that. */
  | { readonly kind: 'settling' }
  /** Settled in a transaction of the handler's, which may commit it or not. */
  | { readonly kind: 'joined'; readonly completed: Completed; readonly value: string | null }
  /** A settle was refused in a transaction of the handler's, which can only be rolled back since. */
  | { readonly kind: 'refused'; readonly error: unknown }
  | { readonly kind: 'unknown'; readonly error: CeleriacError }
  | { readonly kind: 'settled'; readonly outcome: Extract<Outcome, { kind: 'settled' }> }

const SAID: Readonly<Record<State['kind'], string>> = {
  idle: '',
  open: 'has an open transaction',
  settling: 'is being settled in a transaction',
  joined: 'was completed in a transaction',
  refused: 'was to be completed in a transaction that is to be rolled back',
  unknown: 'has a transaction of which nobody knows whether it is committed',
  settled: 'is settled',
}

/** How long to ask what became of a transaction, and how long a server may still be about to commit it. */
const ASK_MS = 30_000
const COMMITTING_MS = 2_000
/** Held by no attempt. */
const NO_TOKEN = -1
const PAUSE_MS = { first: 10, most: 1_000 } as const

/**
 * The settling of one attempt inside of a transaction: the effects of its handler and the end of the job are
 * committed together, or neither is. The settle comes last and is fenced: who has lost the job commits nothing.
 *
 * When the answer to a COMMIT gets lost, nobody guesses: the server is asked by the number of the transaction.
 */
export class Completion {
  readonly #attempt: Attempt
  readonly #context: CompletionContext
  /** As it was claimed: a worker that goes on under another id holds nothing of what it held. */
  readonly #fence: FencedAttempt
  #state: State = { kind: 'idle' }
  #underWay = false
  /** How the last call ended. */
  #last: Promise<Failure | null> = Promise.resolve(null)

  constructor(attempt: Attempt, context: CompletionContext) {
    this.#attempt = attempt
    this.#context = context
    this.#fence = { id: attempt.id, token: attempt.token, workerId: attempt.worker.id }
  }

  /** Whether the attempt may be settled already: a row that is gone is no sign that the job was taken away. */
  get sealed(): boolean {
    return ['settling', 'joined', 'unknown', 'settled'].includes(this.#state.kind)
  }

  /** Runs a function in a transaction of the shared pool and settles the attempt with what it returns. */
  transaction<Result>(run: (tx: TransactionClient) => Promise<Result> | Result): Promise<Result> {
    return this.#exclusively(async () => {
      if (this.#attempt.ended) throw this.#lost()
      this.#state = { kind: 'open' }
      try {
        const tx = await openTransaction(this.#context.database)
        // Ended without its handler: what it has written must not wait for it to notice.
        this.#attempt.own(() => this.#state.kind === 'open' && tx.destroy())
        return await this.#runIn(tx, run)
      } finally {
        this.#undoOpen()
      }
    })
  }

  /** Settles the attempt in a transaction that its handler has opened. */
  complete(tx: TransactionInput, value: unknown): Promise<void> {
    return this.#exclusively(async () => {
      const { executor } = callerTransaction(tx)
      const text = encodeValue(this.#attempt, value, this.#context)
      this.#state = { kind: 'settling' }
      await this.#attempt.storeProgress()
      try {
        const completed = await this.#settle(text, executor)
        this.#state = { kind: 'joined', completed, value: text }
      } catch (error) {
        this.#state = { kind: 'refused', error }
        throw error
      }
    })
  }

  /** What the attempt has come to, once nothing is under way any more; never rejects. */
  async verdict(): Promise<Verdict> {
    const forgotten = this.#underWay
    const failure = await this.#last
    const state = this.#state
    switch (state.kind) {
      case 'settled':
        return { settled: state.outcome }
      case 'refused':
      case 'unknown':
        return { settled: null, failure: state }
      case 'joined':
        return this.#judge(state)
      default:
        // A handler that did not wait for it cannot have dealt with it.
        return { settled: null, failure: forgotten ? failure : null }
    }
  }

  async #runIn<Result>(
    tx: OpenTransaction,
    run: (tx: TransactionClient) => Promise<Result> | Result,
  ): Promise<Result> {
    const attempt = this.#attempt
    let result: Result
    let completed: Completed
    let text: string | null
    try {
      if (attempt.ended) throw this.#lost()
      result = await run(tx.client)
      text = encodeValue(attempt, result, this.#context)
      await attempt.storeProgress()
      if (attempt.ended) throw this.#lost()
      this.#state = { kind: 'settling' }
      completed = await this.#settle(text, executorOf(tx, attempt))
    } catch (error) {
      await tx.rollback()
      // Its connection was taken from under it, which is not what went wrong.
      throw attempt.ended ? this.#lost(error) : error
    }
    await tx.commit().catch((error: unknown) => this.#doubt(error, completed.xid))
    this.#state = { kind: 'settled', outcome: outcomeOf(completed, text) }
    return result
  }

  /** Rolled back for certain: it may be tried again. */
  #undoOpen(): void {
    if (this.#state.kind === 'open' || this.#state.kind === 'settling') this.#state = { kind: 'idle' }
  }

  async #settle(text: string | null, executor: Executor): Promise<Completed> {
    const attempt = this.#attempt
    const { database } = this.#context
    // One that is over here must fail there, too, so that whoever swallows the error commits nothing.
    const { ended } = attempt
    const token = ended ? NO_TOKEN : attempt.token
    const fenced = { ...this.#fence, token, number: attempt.attempt }
    const completed = await completeAttempt(database, fenced, text, executor)
    if (ended) throw this.#lost()
    return completed
  }

  /** The answer to a COMMIT was an error or never came. Returns when it is committed, throws when it is not. */
  async #doubt(error: unknown, xid: string): Promise<void> {
    const fate = await this.#ask(xid, 'until it has ended')
    if (fate === 'committed') return
    if (fate === 'aborted') throw error
    const unknown = new CeleriacError('TX_UNKNOWN', { jobId: this.#attempt.id }, { cause: error })
    this.#state = { kind: 'unknown', error: unknown }
    throw unknown
  }

  async #judge(joined: Extract<State, { kind: 'joined' }>): Promise<Verdict> {
    const fate = await this.#ask(joined.completed.xid, 'as it is')
    if (fate === 'committed') {
      const outcome = outcomeOf(joined.completed, joined.value)
      this.#state = { kind: 'settled', outcome }
      return { settled: outcome }
    }
    const { id: jobId } = this.#attempt
    if (fate === 'unknown') return failed(new CeleriacError('TX_UNKNOWN', { jobId }))
    const how = fate === 'aborted' ? 'was rolled back' : 'was not committed when the handler ended'
    return failed(new CeleriacError('TX_OPEN', { jobId, how }))
  }

  async #ask(xid: string, how: 'as it is' | 'until it has ended'): Promise<Fate> {
    const begun = performance.now()
    for (let pause: number = PAUSE_MS.first; ; pause = Math.min(PAUSE_MS.most, pause * 2)) {
      const abandoned = how === 'until it has ended' && performance.now() - begun > COMMITTING_MS
      // A database that is away is asked again when it is back.
      const fate = await findFate(this.#context.work, this.#fence, xid, abandoned).catch((error: unknown) =>
        isCeleriacError(error, 'APP_CLOSED') ? 'unknown' : null,
      )
      if (fate !== null && (fate !== 'in progress' || how === 'as it is')) return fate
      if (performance.now() - begun > ASK_MS) return 'unknown'
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }

  #lost(cause?: unknown): CeleriacError<'LEASE_LOST'> {
    const { id: jobId, attempt } = this.#attempt
    return new CeleriacError('LEASE_LOST', { jobId, attempt }, cause === undefined ? {} : { cause })
  }

  #ended(failure: Failure | null): Failure | null {
    this.#underWay = false
    return failure
  }

  /** One at a time, and none after the job may be settled. */
  #exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const { kind } = this.#state
    if (kind !== 'idle') {
      const facts = { jobId: this.#attempt.id, attempt: this.#attempt.attempt, how: SAID[kind] }
      return Promise.reject(new CeleriacError('TX_TAKEN', facts))
    }
    this.#underWay = true
    const done = work()
    // A handler that does not wait for it must not end the process: its attempt fails with it.
    this.#last = done.then(
      () => this.#ended(null),
      (error: unknown) => this.#ended({ error }),
    )
    return done
  }
}

function failed(error: CeleriacError): Verdict {
  return { settled: null, failure: { error } }
}

function outcomeOf({ listenedTo }: Completed, value: string | null): Extract<Outcome, { kind: 'settled' }> {
  return { kind: 'settled', value, listenedTo }
}

/** Settling needs the transaction that was begun: one that its function has ended would let the settle stand alone. */
function executorOf(tx: OpenTransaction, { id: jobId }: Attempt): Executor {
  try {
    return tx.executor()
  } catch (error) {
    if (error instanceof CeleriacError && error.code === 'TX_IDLE')
      throw new CeleriacError('TX_ENDED', { jobId }, { cause: error })
    throw error
  }
}
