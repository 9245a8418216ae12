/**
 * What `job.retry()`, `job.snooze()` and `job.discard()` throw: control, not an error. It never reaches an error log,
 * and it is an Error only so that whatever rethrows errors lets it through.
 */
export class JobControl extends Error {
  readonly kind: 'retry' | 'snooze' | 'discard'
  readonly delayMs: number | null
  readonly reason: string

  constructor(kind: JobControl['kind'], delayMs: number | null, reason: string) {
    super(`job asked to ${kind}${reason === '' ? '' : `: ${reason}`}`)
    this.name = 'JobControl'
    this.kind = kind
    this.delayMs = delayMs
    this.reason = reason
  }
}
