import type { Database } from '../database.ts'

/** What was changed at run time that workers act upon; see `sql/functions/limit/read_settings.sql`. */
export interface Settings {
  readonly version: number
  /** Names of limits of tasks, queues and labels that are in force although no code may say so. */
  readonly chosen: ReadonlySet<string>
}

export async function readSettings(database: Database): Promise<Settings> {
  const [row] = await database.call('read_settings', [])
  const { version, chosen } = JSON.parse(String(row?.read_settings)) as { version: number; chosen: string[] }
  return { version, chosen: new Set(chosen) }
}
