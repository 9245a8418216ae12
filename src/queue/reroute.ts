import { type Codec, decodeArgs } from '../base/json.ts'
import { type EditRow, editJobs, readCalls, type StoredCall } from '../db/calls/edit-jobs.ts'
import type { Database } from '../db/database.ts'

/** What deciding anew needs of an app. */
export interface RerouteContext {
  readonly database: Database
  readonly codec: Codec | undefined
  /** Where a call without options would go now; null when nothing here says so. */
  readonly queueOf: (task: string, args: readonly unknown[]) => string | null
}

/**
 * Moves jobs to where the same calls would go now.
 *
 * @param dryRun - moves nothing, and says what would be
 */
export async function reroute(
  context: RerouteContext,
  ids: readonly string[],
  dryRun: boolean,
): Promise<readonly EditRow[]> {
  const { database } = context
  const calls = await readCalls(database, ids)
  const moves = new Map<string, { readonly from: string; readonly to: string; readonly ids: string[] }>()
  const rows: EditRow[] = []
  for (const call of calls) {
    const to = queueOf(context, call)
    if (to === null || to === call.queue) {
      rows.push({ id: call.id, outcome: 'same', was: null, now: null })
      continue
    }
    const key = `${call.queue} ${to}`
    const move = moves.get(key) ?? { from: call.queue, to, ids: [] }
    moves.set(key, move)
    move.ids.push(call.id)
  }
  for (const { from, to, ids: moved } of moves.values()) {
    if (dryRun)
      rows.push(
        ...moved.map((id): EditRow => ({ id, outcome: 'changed', was: { queue: from }, now: { queue: to } })),
      )
    else rows.push(...(await editJobs(database, moved, { queue: to }, { queue: from })))
  }
  return rows
}

function queueOf(
  { codec, queueOf: ask }: RerouteContext,
  { task, args, takesInput }: StoredCall,
): string | null {
  const known = decodeArgs(args, codec)
  return ask(task, takesInput ? [undefined, ...known] : known)
}
