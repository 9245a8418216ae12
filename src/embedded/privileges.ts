import { execFile, type SpawnOptions } from 'node:child_process'
import { access, chmod, chown, constants, lstat, readdir } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { CeleriacError } from '../base/errors.ts'

/** As whom the server runs: PostgreSQL refuses to be root, and wants a user that has a name. */
export type Privileges =
  | { readonly kind: 'own' }
  /** In a user namespace of its own, where root is nobody: files keep their owner, no folder has to be opened. */
  | { readonly kind: 'namespace' }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number }

const NOBODY = 65_534
const run = promisify(execFile)

/** Picks the way that works here. */
export async function choosePrivileges(): Promise<Privileges> {
  if (process.getuid === undefined) return { kind: 'own' }
  if (process.getuid() !== 0 && hasName()) return { kind: 'own' }
  if (await namespacesWork()) return { kind: 'namespace' }
  // Not root and nameless without namespaces: initdb will say what it misses.
  return process.getuid() === 0 ? { kind: 'user', uid: NOBODY, gid: NOBODY } : { kind: 'own' }
}

/** The command line and the options with which `program` runs with these privileges. */
export function runAs(
  privileges: Privileges,
  program: string,
  args: readonly string[],
): { readonly command: string; readonly args: readonly string[]; readonly options: SpawnOptions } {
  switch (privileges.kind) {
    case 'own':
      return { command: program, args, options: {} }
    case 'namespace':
      return { command: 'unshare', args: ['-U', program, ...args], options: {} }
    case 'user':
      return { command: program, args, options: { uid: privileges.uid, gid: privileges.gid } }
  }
}

/** Gives a folder and all in it to the server's user, when it belongs to somebody else and we may. */
export async function giveTo(privileges: Privileges, folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const [uid, gid] = privileges.kind === 'user' ? [privileges.uid, privileges.gid] : [0, 0]
  if ((await lstat(folder)).uid !== uid) await chownAll(folder, uid, gid)
}

/** @throws {CeleriacError} `EMBEDDED_FAILED` when a folder above `path` is closed to the server's user. */
export async function assertReachable(privileges: Privileges, path: string): Promise<void> {
  if (privileges.kind !== 'user') return
  const { uid } = privileges
  for (let dir = dirname(path); dir !== dirname(dir); dir = dirname(dir)) {
    const info = await lstat(dir)
    if ((info.mode & 0o001) !== 0 || (info.uid === uid && (info.mode & 0o100) !== 0)) continue
    throw new CeleriacError('EMBEDDED_FAILED', {
      dir: path,
      reason:
        `this process is root, which PostgreSQL refuses; user namespaces are not allowed here, and user ${uid} cannot ` +
        `enter ${dir}; run as a normal user, open that folder (chmod o+x), or choose another folder with "dir"`,
    })
  }
}

async function chownAll(path: string, uid: number, gid: number): Promise<void> {
  await chown(path, uid, gid)
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inner = join(path, entry.name)
    if (entry.isDirectory()) await chownAll(inner, uid, gid)
    if (entry.isFile()) await chown(inner, uid, gid)
  }
}

/** Opens a folder of ours to be passed through, not listed, by the server's user. */
export async function letThrough(privileges: Privileges, folder: string): Promise<void> {
  if (privileges.kind === 'user') await chmod(folder, 0o711)
}

function hasName(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    return false
  }
}

async function namespacesWork(): Promise<boolean> {
  if (process.platform !== 'linux') return false
  const known = await access('/proc/self/ns/user', constants.R_OK).then(
    () => true,
    () => false,
  )
  if (!known) return false
  return run('unshare', ['-U', 'true'], { timeout: 5_000 }).then(
    () => true,
    () => false,
  )
}
