import type { Database } from './database.ts'
import { dispatch, type Hints } from './hints.ts'
import { ListeningSession } from './listening-session.ts'
import { sessionConfig } from './session-config.ts'

/** Somebody else's listening session, such as that of the guard thread: it says when it is connected and what it hears. */
export interface Relay {
  readonly connected: Promise<unknown>
}

/**
 * Where the hints of a process arrive, and who wants them. They come over a session of its own, or over that of the
 * guard while there is one: a process needs to listen once.
 */
export class Listener {
  readonly #database: Database
  readonly #listen: boolean
  readonly #hints = new Set<Partial<Hints>>()
  readonly #holders = new Set<object>()
  #own: ListeningSession | undefined
  #relay: Relay | undefined
  #wanted = false
  #hearing = false

  /** @param listen - false never sends LISTEN: nothing is heard. */
  constructor(database: Database, listen: boolean) {
    this.#database = database
    this.#listen = listen
  }

  /** Whether notifications arrive at this moment. */
  get hearing(): boolean {
    return this.#hearing
  }

  /** Adds somebody who wants hints; returns the function that takes it back. */
  subscribe(hints: Partial<Hints>): () => void {
    this.#hints.add(hints)
    return () => this.#hints.delete(hints)
  }

  /** Listens from now on; rejects when the first attempt fails, later ones are repeated. */
  async start(): Promise<void> {
    this.#wanted = true
    if (!this.#listen) return
    try {
      if (this.#relay !== undefined) await this.#relay.connected
      // Behind a transaction pooler it would be somebody else's session that listens.
      else if (await this.#database.hasSessions()) await this.#openOwn().start()
    } catch (error) {
      throw this.#database.explain(error)
    }
  }

  /** Keeps the process from ending while this session is open, on behalf of `owner`; nobody does so lets it end. */
  hold(owner: object, held: boolean): void {
    if (held) this.#holders.add(owner)
    else this.#holders.delete(owner)
    this.#own?.hold(this.#holders.size > 0)
  }

  /** Takes hints from somebody else's session; one's own is closed. */
  async relay(relay: Relay | undefined): Promise<void> {
    this.#relay = relay
    const own = this.#own
    this.#own = undefined
    if (relay !== undefined) await own?.stop()
    else if (this.#wanted && this.#listen)
      await this.#openOwn()
        .start()
        .catch(() => undefined)
  }

  /** A notification has arrived. */
  hear(payload: string): void {
    dispatch(payload, this.#hints)
  }

  /** Whether notifications arrive has changed, or is known for the first time. */
  setHearing(hears: boolean): void {
    this.#hearing = hears
    for (const hints of this.#hints) hints.hearing?.(hears)
  }

  async stop(): Promise<void> {
    this.#wanted = false
    await this.#own?.stop()
  }

  #openOwn(): ListeningSession {
    if (this.#own !== undefined) return this.#own
    const session: ListeningSession = new ListeningSession({
      config: async () => sessionConfig(await this.#database.directConfig(), { role: 'listen' }),
      schema: this.#database.schema,
      listen: true,
      heard: (payload) => this.hear(payload),
      hearing: (hears) => {
        if (this.#own === session) this.setHearing(hears)
      },
    })
    session.hold(this.#holders.size > 0)
    this.#own = session
    return session
  }
}
