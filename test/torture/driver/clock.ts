import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TortureServer } from './server.ts'
import type { Surroundings } from './surroundings.ts'
import { Unavailable } from './unavailable.ts'

const LIBRARY = 'libfaketimeMT.so.1'

/**
 * Clocks that can be stepped, through libfaketime; timers and the monotonic clock are left alone, as they are when
 * somebody sets the clock of a machine.
 *
 * @throws {Unavailable} without libfaketime. `FAKETIME_LIBRARY` says where it is, if not where packages put it.
 */
export async function clocksOfTheirOwn(server: TortureServer): Promise<Surroundings> {
  const library = findLibrary()
  if (library === null)
    throw new Unavailable(`no ${LIBRARY} here; install libfaketime, or set FAKETIME_LIBRARY`)
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-clocks-'))
  const fake = { LD_PRELOAD: library, FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_NO_CACHE: '1' }
  const fileOf = (name: string): string => join(folder, name)
  let serverAheadHours = 0
  return {
    wrap: (name) => {
      writeFileSync(fileOf(name), '+0\n')
      return { command: [], env: { ...fake, FAKETIME_TIMESTAMP_FILE: fileOf(name) } }
    },
    setClock: (name, offset) => writeFileSync(fileOf(name), `${offset}\n`),
    setServerClock: async (hours) => {
      serverAheadHours += hours
      await server.stop('fast')
      await server.startAgain({ ...fake, FAKETIME: `+${serverAheadHours}h` })
    },
    [Symbol.asyncDispose]: async () => {
      rmSync(folder, { recursive: true, force: true })
      if (serverAheadHours === 0) return
      await server.stop('fast')
      await server.startAgain()
    },
  }
}

function findLibrary(): string | null {
  const given = process.env.FAKETIME_LIBRARY
  if (given !== undefined) return existsSync(given) ? given : null
  const folders = ['/usr/lib', '/usr/local/lib'].flatMap((root) => [
    root,
    ...(existsSync(root) ? readdirSync(root).map((name) => join(root, name)) : []),
  ])
  return folders.map((dir) => join(dir, 'faketime', LIBRARY)).find((path) => existsSync(path)) ?? null
}
