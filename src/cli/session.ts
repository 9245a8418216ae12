import type { Celeriac } from '../celeriac.ts'
import type { DatabaseInput } from '../db/connection.ts'
import type { Database } from '../db/database.ts'
import type { Inspect } from '../inspect/inspect.ts'
import type { AnyCall, Cli } from './command.ts'
import { unlessAborted } from './interrupts.ts'
import { findTarget } from './target.ts'

/** How long closing may take before the process ends without it. */
const CLOSING_MS = 3_000
const CONNECTIONS = 2

/** The database of a command, opened and let go. */
export interface Reading {
  readonly database: Database
  readonly inspect: Inspect
}

/** Finds the database, runs the work on it, and lets go of it, also when a signal ends the work. */
export async function withTarget<Value>(
  cli: Cli,
  { options, output }: AnyCall,
  work: (input: DatabaseInput) => Promise<Value>,
): Promise<Value> {
  const { interrupts, terminal } = cli
  const target = await unlessAborted(
    findTarget({ flag: options.database, env: terminal.env, note: output.note }),
    interrupts.signal,
  )
  try {
    return await unlessAborted(work(target.input), interrupts.signal)
  } finally {
    await soon(target.release())
  }
}

/** The same with statements and views at hand. */
export function withDatabase<Value>(
  cli: Cli,
  call: AnyCall,
  work: (reading: Reading) => Promise<Value>,
): Promise<Value> {
  return withTarget(cli, call, async (input) => {
    const [{ Database }, { Inspect }] = await Promise.all([
      import('../db/database.ts'),
      import('../inspect/inspect.ts'),
    ])
    const schema = call.options.schema ?? 'celeriac'
    const database = new Database({ source: input, schema, maxConnections: CONNECTIONS })
    try {
      return await unlessAborted(work({ database, inspect: new Inspect(database) }), cli.interrupts.signal)
    } finally {
      await soon(database.close())
    }
  })
}

/** The same with an app that has no tasks. */
export function withApp<Value>(
  cli: Cli,
  call: AnyCall,
  work: (app: Celeriac) => Promise<Value>,
): Promise<Value> {
  return withTarget(cli, call, async (input) => {
    const { Celeriac } = await import('../celeriac.ts')
    const schema = call.options.schema
    const app = new Celeriac({ database: input, log: 'silent', ...(schema !== undefined && { schema }) })
    try {
      return await unlessAborted(work(app), cli.interrupts.signal)
    } finally {
      await soon(app.stop())
    }
  })
}

/** Waits for what closes, but not for ever, and not for its errors: the command has done its work. */
export async function soon(closing: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSING_MS)
  })
  await Promise.race([closing.catch(() => undefined), late])
  clearTimeout(timer)
}
