import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

/** A file in the cloud. */
export interface CloudFile {
  /** Its path in the cloud, such as `night-train/art/64@2x.webp`. */
  readonly key: string
  readonly bytes: number
}

/** Drafts lie beside the tracks: on the same disk, so that a rename makes them whole, and out of every listing. */
const DRAFTS = '.drafts'

/** Where a file of the cloud, which is a folder here, lies. */
export const pathIn = (cloud: string, key: string): string => join(cloud, key)

/**
 * Writes a file whole or not at all, over one of that key: what runs twice writes the same thing twice.
 *
 * @param cloud - the folder
 */
export async function saveFile(cloud: string, key: string, content: Uint8Array | string): Promise<CloudFile> {
  const draft = await writeDraft(cloud, key, content)
  await rename(draft, pathIn(cloud, key))
  return { key, bytes: Buffer.byteLength(content) }
}

/**
 * Writes a file unless there is one of that key already; of several who try, one does.
 *
 * @returns whether this call wrote it
 */
export async function createFile(cloud: string, key: string, content: string): Promise<boolean> {
  const draft = await writeDraft(cloud, key, content)
  try {
    await link(draft, pathIn(cloud, key))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** An empty path for a file that is written piece by piece; {@link moveIn} gives it its key. */
export async function newDraft(cloud: string): Promise<string> {
  await mkdir(join(cloud, DRAFTS), { recursive: true })
  return join(cloud, DRAFTS, randomUUID())
}

/** Gives a draft its key, over a file that has it. */
export async function moveIn(cloud: string, draft: string, key: string): Promise<void> {
  const path = pathIn(cloud, key)
  await mkdir(dirname(path), { recursive: true })
  await rename(draft, path)
}

export function readBytes(cloud: string, key: string): Promise<Uint8Array> {
  return readFile(pathIn(cloud, key))
}

/** Every file of the cloud, drafts left out, by key. */
export async function listCloud(cloud: string): Promise<readonly CloudFile[]> {
  const entries = await readdir(cloud, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const files = await Promise.all(
    paths.map(async (path) => ({
      key: relative(cloud, path),
      bytes: (await stat(path)).size,
    })),
  )
  return files.filter(({ key }) => !key.startsWith(DRAFTS)).sort((a, b) => a.key.localeCompare(b.key))
}

async function writeDraft(cloud: string, key: string, content: Uint8Array | string): Promise<string> {
  await mkdir(dirname(pathIn(cloud, key)), { recursive: true })
  const draft = await newDraft(cloud)
  await writeFile(draft, content)
  return draft
}
