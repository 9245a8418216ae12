import { CeleriacError } from '../base/errors.ts'
import { type Codec, decodeValue, hasTags } from '../base/json.ts'
import { formatBytes } from '../base/text.ts'
import { assemble } from '../canvas/assemble.ts'
import { type Inputs as Read, readInputs } from '../db/calls/read-inputs.ts'
import type { Database } from '../db/database.ts'

interface Asker {
  readonly id: string
  readonly resolve: (input: unknown) => void
  readonly reject: (error: unknown) => void
}

const MOST_IDS = 200
/** A million pages of text in one argument is a mistake; and the driver gives up on what is ten times that. */
const MOST_CHARACTERS = 50_000_000

/** Reads what nodes take from their parents: those that begin in one turn of the event loop share a statement. */
export class Inputs {
  readonly #database: Database
  readonly #codec: Codec | undefined
  #askers: Asker[] = []

  constructor(database: Database, codec: Codec | undefined) {
    this.#database = database
    this.#codec = codec
  }

  /** @throws {CeleriacError} `INPUT_MISSING`, `INPUT_SIZE` */
  read(id: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#askers.push({ id, resolve, reject })
      if (this.#askers.length === 1) setImmediate(() => this.#flush())
    })
  }

  #flush(): void {
    const askers = this.#askers
    this.#askers = []
    for (let index = 0; index < askers.length; index += MOST_IDS)
      void this.#answer(askers.slice(index, index + MOST_IDS))
  }

  async #answer(askers: readonly Asker[]): Promise<void> {
    let read: Read
    try {
      read = await readInputs(
        this.#database,
        askers.map(({ id }) => id),
      )
    } catch (error) {
      for (const { reject } of askers) reject(error)
      return
    }
    // Who takes too much, shows when each is asked for alone; the others need not suffer for it.
    if (askers.length > 1 && read.characters > MOST_CHARACTERS) {
      for (const asker of askers) await this.#answer([asker])
      return
    }
    // Almost all values are plain JSON: they are taken as they are.
    const plain = this.#codec === undefined && !hasTags(read.text)
    const decoded = (stored: unknown, tagged: boolean): unknown =>
      plain && !tagged ? stored : decodeValue(stored, tagged ? undefined : this.#codec)
    for (const { id, resolve, reject } of askers) {
      try {
        assertSize(id, read.characters)
        resolve(assemble(id, read, decoded))
      } catch (error) {
        reject(error)
      }
    }
  }
}

function assertSize(jobId: string, characters: number): void {
  if (characters <= MOST_CHARACTERS) return
  throw new CeleriacError('INPUT_SIZE', {
    jobId,
    size: formatBytes(characters),
    limit: formatBytes(MOST_CHARACTERS),
  })
}
