import { CeleriacError } from '../base/errors.ts'
import type { Celeriac } from '../celeriac.ts'
import type { AnyCall, Cli } from './command.ts'
import { unlessAborted } from './interrupts.ts'
import { loadApp } from './load-app.ts'

/**
 * Loads the app of a file. Which database it works on is said in that file: `--database` reaches it as DATABASE_URL and
 * CELERIAC_DATABASE_URL, and where the file takes neither, it is refused rather than not heeded.
 *
 * @throws {CeleriacError} `APP_FILE`, or `CLI_USAGE` when the app's database or schema is not the one asked for
 */
export async function openApp(cli: Cli, call: AnyCall, file: string): Promise<Celeriac> {
  const { database, schema } = call.options
  if (database !== undefined) {
    process.env.DATABASE_URL = database
    process.env.CELERIAC_DATABASE_URL = database
  }
  const app = await unlessAborted(loadApp(file), cli.interrupts.signal)
  if (database === undefined && schema === undefined) return app
  const actual = await app.location()
  if (schema !== undefined && schema !== actual.schema) {
    throw differs(file, `its app uses schema "${actual.schema}", not "${schema}"; leave --schema out`)
  }
  if (database !== undefined) {
    const { serverOf } = await import('../db/connection.ts')
    const wanted = serverOf({ connectionString: database })
    if (wanted.server !== actual.server || wanted.database !== actual.database) {
      const uses = `its app uses ${actual.database} at ${actual.server}, not ${wanted.database} at ${wanted.server}`
      throw differs(file, `${uses}; let it read DATABASE_URL, or leave --database out`)
    }
  }
  return app
}

function differs(file: string, problem: string): CeleriacError {
  return new CeleriacError('CLI_USAGE', { problem: `${file}: ${problem}` })
}
