import type { Codec } from '../base/json.ts'
import { encodeResult } from '../base/json.ts'
import { reportProgress } from '../db/calls/job.ts'
import type { Database } from '../db/database.ts'
import { faultOf } from '../db/fault.ts'
import type { Attempt } from './attempt.ts'

/** How often a report is sent whose row somebody holds; each time the server waits for a while. */
const TRIES = 10
/** A job's progress is written at most this often. */
const PAUSE_MS = 50

/** Progress of the running jobs, coalesced: whatever a handler reports in between is overtaken by the next write. */
export class ProgressReports {
  readonly #database: Database
  readonly #workerId: () => string
  readonly #codec: Codec | undefined
  readonly #maxBytes: number
  readonly #lost: (jobId: string, token: number) => void
  #pending = new Map<Attempt, string>()
  /** On their way: a job settled before its last report arrives would be settled without it. */
  readonly #sent = new Set<ReadonlyMap<Attempt, string>>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(options: {
    readonly database: Database
    readonly workerId: () => string
    readonly codec: Codec | undefined
    readonly maxBytes: number
    /** Told about jobs that turn out not to be ours any more. */
    readonly lost: (jobId: string, token: number) => void
  }) {
    this.#database = options.database
    this.#workerId = options.workerId
    this.#codec = options.codec
    this.#maxBytes = options.maxBytes
    this.#lost = options.lost
  }

  /** @throws {CeleriacError} `JSON_…` when the value cannot be stored. */
  add(attempt: Attempt, value: unknown): void {
    const text =
      encodeResult(value, { task: attempt.task, maxBytes: this.#maxBytes, codec: this.#codec }) ?? 'null'
    this.#pending.set(attempt, text)
    this.#timer ??= setTimeout(() => void this.flush(), PAUSE_MS)
  }

  /** Whether an attempt has a report that is not stored yet. */
  has(attempt: Attempt): boolean {
    if (this.#pending.has(attempt)) return true
    for (const reports of this.#sent) if (reports.has(attempt)) return true
    return false
  }

  /** Stores what is pending; resolves when it is stored, or given up. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const reports = this.#pending
    if (reports.size > 0) {
      this.#pending = new Map()
      this.#sent.add(reports)
      this.#writing = this.#writing.then(() => this.#write(reports))
    }
    return this.#writing
  }

  async #write(reports: ReadonlyMap<Attempt, string>): Promise<void> {
    try {
      const lost = new Set(await this.#store(reports))
      for (const { id, token } of reports.keys()) if (lost.has(id)) this.#lost(id, token)
    } catch {
      // Progress is for watchers: a later report makes up for one that an outage has swallowed.
    } finally {
      this.#sent.delete(reports)
    }
  }

  /** A row that somebody holds for a moment is waited for, since this may be the last report. */
  async #store(reports: ReadonlyMap<Attempt, string>): Promise<readonly string[]> {
    const rows = Array.from(reports, ([{ id, token }, value]) => ({ jobId: id, token, value }))
    for (let tries = 1; ; tries += 1) {
      try {
        return await reportProgress(this.#database, this.#workerId(), rows)
      } catch (error) {
        if (faultOf(error) !== 'busy' || tries === TRIES) throw error
      }
    }
  }
}
