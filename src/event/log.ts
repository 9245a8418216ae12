import type { Logger } from 'pino'

/** How much our own logger says. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug'

/**
 * The logger of an app: the user's, or one of our own that is made when there is the first line to write. Most
 * producers never write one, and need not load what writes it.
 */
export class Log {
  readonly #given: Logger | LogLevel
  #logger: Promise<Logger> | undefined

  constructor(given: Logger | LogLevel) {
    this.#given = given
  }

  /** Whether lines about every single job are wanted. */
  get verbose(): boolean {
    return typeof this.#given === 'object' ? this.#given.isLevelEnabled('debug') : this.#given === 'debug'
  }

  logger(): Promise<Logger> {
    this.#logger ??= this.#make()
    return this.#logger
  }

  /** Writes a line, in the order of the calls. */
  write(line: (logger: Logger) => void): void {
    if (typeof this.#given === 'object') line(this.#given)
    else if (this.#given !== 'silent') void this.logger().then(line)
  }

  async #make(): Promise<Logger> {
    if (typeof this.#given === 'object') return this.#given
    const { pino } = await import('pino')
    return pino({ name: 'celeriac', level: this.#given })
  }
}
