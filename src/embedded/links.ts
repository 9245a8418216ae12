import { chmod, mkdir, readdir, readFile, readlink, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Binaries } from './binaries.ts'
import { errorCode } from './process-identity.ts'

/**
 * Makes the links under which the npm binaries look for their shared libraries, in a folder of ours.
 *
 * The packages make them in a postinstall script, which many package managers do not run; without them every
 * program ends with 127. `node_modules` may be read-only, so it is never written to.
 *
 * @returns the value for the library path, or null when the binaries need none
 */
export async function linkLibraries(binaries: Binaries, folder: string): Promise<string | null> {
  const { packageDir } = binaries
  if (packageDir === null || process.platform === 'win32') return null
  await mkdir(folder, { recursive: true })
  // Whatever our umask: the server may run as another user.
  await chmod(folder, 0o755)
  const wanted = new Map<string, string>()
  for (const link of await readLinkList(packageDir)) {
    wanted.set(basename(link.target), join(packageDir, link.source))
  }
  for (const name of await readdir(folder)) {
    if (!wanted.has(name)) await rm(join(folder, name), { force: true })
  }
  for (const [name, source] of wanted) await link(source, join(folder, name))
  // The linked libraries look for their neighbours relative to the link: the package's own folder has to follow.
  return [folder, join(packageDir, 'native', 'lib')].join(':')
}

async function link(source: string, path: string): Promise<void> {
  const current = await readlink(path).catch(() => null)
  if (current === source) return
  await rm(path, { force: true })
  await symlink(source, path).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error
  })
}

async function readLinkList(packageDir: string): Promise<{ source: string; target: string }[]> {
  const text = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const list: unknown = JSON.parse(text)
  return Array.isArray(list) ? list.filter(isLink) : []
}

function isLink(value: unknown): value is { source: string; target: string } {
  if (typeof value !== 'object' || value === null || !('source' in value && 'target' in value)) return false
  return typeof value.source === 'string' && typeof value.target === 'string'
}
