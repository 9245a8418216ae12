import type { Attempt } from './attempt.ts'

/** A claimed job that has not begun. */
export interface ReadyJob {
  readonly attempt: Attempt
  /** Whether its args may hold tagged values. */
  readonly tagged: boolean
}

/** Claimed jobs in the order in which they begin, first come first served. */
export class ReadyLine {
  #jobs: ReadyJob[] = []
  /** Jobs in front of this one have left; moving the rest up each time would cost more than they do. */
  #from = 0
  #since = 0

  get count(): number {
    return this.#jobs.length - this.#from
  }

  /** How long the line has not been empty, in ms. */
  get waitedMs(): number {
    return this.count === 0 ? 0 : performance.now() - this.#since
  }

  add(job: ReadyJob): void {
    if (this.count === 0) this.#since = performance.now()
    this.#jobs.push(job)
  }

  next(): ReadyJob | undefined {
    const job = this.#jobs[this.#from]
    if (job === undefined) return undefined
    this.#from += 1
    if (this.count === 0) this.takeAll()
    return job
  }

  /** A job that stands in the line. */
  find(jobId: string): Attempt | undefined {
    return this.#jobs.find(({ attempt }, place) => place >= this.#from && attempt.id === jobId)?.attempt
  }

  /** Takes a job out of the line, wherever it stands. */
  remove(jobId: string): Attempt | undefined {
    const index = this.#jobs.findIndex(({ attempt }, place) => place >= this.#from && attempt.id === jobId)
    return index === -1 ? undefined : this.#jobs.splice(index, 1)[0]?.attempt
  }

  /** Empties the line. */
  takeAll(): readonly ReadyJob[] {
    const jobs = this.#jobs.slice(this.#from)
    this.#jobs = []
    this.#from = 0
    return jobs
  }

  ids(): string[] {
    return this.#jobs.slice(this.#from).map(({ attempt }) => attempt.id)
  }
}
