/**
 * What `job.retry()`, `job.snooze()`, `job.discard()` and `job.replace()` throw: control, not an error. It never reaches an error log,
 * and it is an Error only so that whatever rethrows errors lets it through.
 */
export class JobControl extends Error {
  readonly kind: 'retry' | 'snooze' | 'discard' | 'replace'
  readonly delayMs: number | null
  readonly reason: string
  /** What takes its place, as SQL takes it; empty for other kinds. */
  readonly plan: string

  constructor(kind: JobControl['kind'], delayMs: number | null, reason: string, plan = '') {
    super(`job asked to ${kind}${reason === '' ? '' : `: ${reason}`}`)
    this.name = 'JobControl'
    this.kind = kind
    this.delayMs = delayMs
    this.reason = reason
    this.plan = plan
  }
}
