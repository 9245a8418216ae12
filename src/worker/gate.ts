import { readSettings } from '../db/calls/settings.ts'
import type { Database } from '../db/database.ts'
import { type Door, type DoorLimit, doorOf, type LimitsInForce } from '../task/door.ts'
import type { CallLimits } from '../task/limits.ts'
import type { Attempt } from './attempt.ts'

/**
 * Looks at each job between its claim and its begin: whether it has passed every limit that holds for it now.
 *
 * Most have, since their lane was the way here. One that stood in the plain line has not: it was enqueued by SQL or by
 * a canvas, was retried or delayed, or the limit is younger than the job. It goes back, uncharged, into its lane.
 */
export class Gate {
  readonly #database: Database
  readonly #declared: LimitsInForce
  #inForce: LimitsInForce
  #version = -1

  /** @param declared - limits as the app knows them; they may become more */
  constructor(database: Database, declared: LimitsInForce) {
    this.#database = database
    this.#declared = declared
    this.#inForce = declared
  }

  /** Version of the settings it goes by; -1 before it has read any. */
  get version(): number {
    return this.#version
  }

  /** Reads the settings anew when they have changed. */
  async follow(version: number): Promise<void> {
    if (version === this.#version) return
    const settings = await readSettings(this.#database)
    this.#inForce = { queues: this.#declared.queues, named: this.#declared.named, chosen: settings.chosen }
    this.#version = settings.version
  }

  /**
   * The door a claimed job has yet to pass.
   *
   * @param args - as the handler will get them
   * @returns null for one that may begin
   * @throws {CeleriacError} what `doorOf` throws.
   */
  ahead(attempt: Attempt, args: readonly unknown[]): Door | null {
    const { definition, queue, labels, rowOptions } = attempt
    const call = (rowOptions?.flow as CallLimits | undefined) ?? null
    const door = doorOf(definition, args, { queue, labels, call, inForce: this.#inForce })
    const stored = (rowOptions?.door as Door | undefined) ?? null
    if (!attempt.inLane) return together(door, stored)
    const passed = new Set(stored?.limits?.map(([name]) => name))
    return door?.limits.every(([name]) => passed.has(name)) === false ? together(door, stored) : null
  }

  /** Whether a task, or a job as it is stored, may have anything to pass. */
  concerns({ definition, rowOptions, queue }: Attempt): boolean {
    return (
      definition.options.limits !== null ||
      this.#inForce.chosen.size > 0 ||
      this.#inForce.queues.has(queue) ||
      rowOptions?.door !== undefined ||
      rowOptions?.flow !== undefined
    )
  }
}

/** What a job has to pass now, and what stands with it besides. */
function together(door: Door | null, stored: Door | null): Door | null {
  if (stored === null) return door
  if (door === null) return stored
  const names = new Set(door.limits.map(([name]) => name))
  const kept = (stored.limits ?? []).filter(([name]) => !names.has(name))
  const limits = [...door.limits, ...kept].sort(byNameAndKey)
  const fair = door.fair ?? stored.fair
  return fair === undefined ? { limits } : { limits, fair }
}

function byNameAndKey([name, key]: DoorLimit, [otherName, otherKey]: DoorLimit): number {
  if (name !== otherName) return name < otherName ? -1 : 1
  return key < otherKey ? -1 : key > otherKey ? 1 : 0
}
