import { CeleriacError } from '../base/errors.ts'
import { hasTags } from '../base/json.ts'
import { formatBytes } from '../base/text.ts'
import { assemble } from '../canvas/assemble.ts'
import { type Inputs as Read, readInputs } from '../db/calls/read-inputs.ts'
import type { Database } from '../db/database.ts'

/** What a node takes from its parents, as it is stored. */
export interface Input {
  readonly value: unknown
  /** Whether it may hold tagged values. */
  readonly tagged: boolean
}

interface Asker {
  readonly id: string
  readonly resolve: (input: Input) => void
  readonly reject: (error: unknown) => void
}

const MOST_IDS = 200
/** A million pages of text in one argument is a mistake; and the driver gives up on what is ten times that. */
const MOST_CHARACTERS = 50_000_000

/** Reads what nodes take from their parents: those that begin in one turn of the event loop share a statement. */
export class Inputs {
  readonly #database: Database
  #askers: Asker[] = []

  constructor(database: Database) {
    this.#database = database
  }

  /** @throws {CeleriacError} `INPUT_MISSING`, `INPUT_SIZE` */
  read(id: string): Promise<Input> {
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
    const tagged = hasTags(read.text)
    for (const { id, resolve, reject } of askers) {
      try {
        if (askers.length === 1) assertSize(id, read.characters)
        resolve({ value: assemble(id, read), tagged })
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
