import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where everything of one cluster lies. */
export interface Place {
  /** The cluster's own folder, `.celeriac/pg18`. */
  readonly folder: string
  /** PostgreSQL's data directory. */
  readonly data: string
  readonly log: string
  /** The superuser's password, mode 0600. */
  readonly password: string
  /** The port of last time, tried again so that a URL noted down stays true. */
  readonly port: string
  /** Links to the shared libraries under the names the binaries ask for. */
  readonly links: string
  /** One small file per process that uses the cluster. */
  readonly users: string
  /** The folder of the lock that serialises starting and stopping. */
  readonly locks: string
}

/** The paths of the cluster in `folder`; touches nothing. */
export function placeIn(folder: string): Place {
  return {
    folder,
    data: join(folder, 'data'),
    log: join(folder, 'postgres.log'),
    password: join(folder, 'password'),
    port: join(folder, 'port'),
    links: join(folder, 'lib'),
    users: join(folder, 'users'),
    locks: join(folder, 'locks'),
  }
}

/** Makes `dir` with a `.gitignore` of everything, so that no one commits a database. */
export async function makeProjectFolder(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, '.gitignore'), '*\n', { flag: 'wx' }).catch(() => undefined)
}
