import { randomUUID } from 'node:crypto'
import type { Executor } from './database.ts'
import { KeptSession, type KeptSessionOptions } from './kept-session.ts'

/** What a listening session needs. */
export interface ListeningSessionOptions {
  readonly config: KeptSessionOptions['config']
  readonly schema: string
  /** False never sends LISTEN: the session only carries locks. */
  readonly listen: boolean
  /** Takes what the session is to hold, such as locks, on each new connection. */
  readonly prepare?: (session: Executor) => Promise<void>
  /** Somebody said something. */
  readonly heard: (payload: string) => void
  /** Whether notifications arrive from now on. */
  readonly hearing: (hears: boolean) => void
  readonly opened?: () => void
  readonly lost?: (error: unknown) => void
}

const SELF_TEST_MS = 2_000
const WORD = 't '

/** A session that listens on the channel of the schema, and knows whether it hears anything. */
export class ListeningSession {
  readonly #options: ListeningSessionOptions
  readonly #session: KeptSession
  #channel = ''
  #selfTest: { readonly word: string; readonly heard: () => void } | undefined

  constructor(options: ListeningSessionOptions) {
    this.#options = options
    this.#session = new KeptSession({
      config: options.config,
      prepare: (session) => this.#prepare(session),
      opened: () => {
        options.opened?.()
        if (options.listen) void this.#testHearing()
      },
      lost: (error) => {
        options.hearing(false)
        options.lost?.(error)
      },
      heard: (payload) => this.#hear(payload),
    })
  }

  get session(): Executor {
    return this.#session
  }

  start(): Promise<void> {
    return this.#session.start()
  }

  stop(): Promise<void> {
    return this.#session.stop()
  }

  /** Whether the session keeps the process from ending. */
  hold(held: boolean): void {
    this.#session.hold(held)
  }

  async #prepare(session: Executor): Promise<void> {
    await keepAlive(session)
    await this.#options.prepare?.(session)
    if (!this.#options.listen) return
    if (this.#channel === '') {
      const [row] = await session.query({
        text: `select "${this.#options.schema}".channel() as channel`,
        values: [],
      })
      this.#channel = String(row?.channel)
    }
    await session.query({ text: `listen ${this.#channel}`, values: [] })
  }

  #hear(payload: string): void {
    if (!payload.startsWith(WORD)) this.#options.heard(payload)
    else if (this.#selfTest?.word === payload) this.#selfTest.heard()
  }

  /** The only honest test for what stands in between: say something and wait to hear it. */
  async #testHearing(): Promise<void> {
    const word = `${WORD}${randomUUID()}`
    const heard = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), SELF_TEST_MS)
      timer.unref()
      this.#selfTest = {
        word,
        heard: () => {
          clearTimeout(timer)
          resolve(true)
        },
      }
      this.session
        .query({ text: 'select pg_notify($1, $2)', values: [this.#channel, word] })
        .catch(() => resolve(false))
    })
    if (this.#selfTest?.word !== word) return
    this.#selfTest = undefined
    this.#options.hearing(heard && this.#session.open)
  }
}

/** A host that vanishes is to be noticed in seconds: the locks of the session speak for its process. */
export async function keepAlive(session: Executor): Promise<void> {
  await session
    .query({
      text: `select set_config(name, value, false)
        from (values ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'),
          ('tcp_user_timeout', '10000'), ('transaction_timeout', '0')) as setting (name, value)
        where current_setting(name, true) is not null`,
      values: [],
    })
    .catch(() => undefined)
}
