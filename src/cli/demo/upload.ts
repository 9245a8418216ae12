import { createHash } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type CloudFile, moveIn, newDraft } from './cloud.ts'

/** A track that has arrived in the cloud. */
export interface Uploaded extends CloudFile {
  /** Its name there, such as `night-train`; also the folder of everything that is made of it. */
  readonly track: string
  /** Of its bytes, in hex: what the copyright service knows a recording by. */
  readonly sha256: string
}

/** A file that is to be sent, and what it will be called. */
export interface Upload {
  readonly path: string
  readonly track: string
}

/** What an upload is watched and stopped by. */
export interface UploadOptions {
  /** Told how much has been sent, 0 … 1, both ends included. */
  readonly report: (done: number) => void
  readonly signal: AbortSignal
  /** What each of its pieces takes on the wire. @defaultValue 40 */
  readonly pieceMs?: number | undefined
}

const PIECES = 20

/** Sends a file to the cloud in twenty pieces, as slowly as a network would. It is there whole, or not at all. */
export async function uploadFile(
  cloud: string,
  { path, track }: Upload,
  { report, signal, pieceMs = 40 }: UploadOptions,
): Promise<Uploaded> {
  const key = `${track}/original/${basename(path)}`
  const draft = await newDraft(cloud)
  try {
    const { bytes, sha256 } = await send(path, draft, { report, signal, pieceMs })
    await moveIn(cloud, draft, key)
    return { track, key, bytes, sha256 }
  } finally {
    await rm(draft, { force: true })
  }
}

async function send(
  path: string,
  target: string,
  { report, signal, pieceMs }: UploadOptions & { readonly pieceMs: number },
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  await using source = await open(path)
  await using sink = await open(target, 'w')
  const { size } = await source.stat()
  const hash = createHash('sha256')
  const piece = Buffer.alloc(Math.max(1, Math.ceil(size / PIECES)))
  report(0)
  for (let sent = 0; sent < size; ) {
    signal.throwIfAborted()
    const { bytesRead } = await source.read(piece, 0, piece.length)
    if (bytesRead === 0) break // somebody has cut the file meanwhile
    const read = piece.subarray(0, bytesRead)
    hash.update(read)
    await sink.write(read)
    sent += bytesRead
    report(sent / size)
    if (pieceMs > 0) await pause(pieceMs, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
  return { bytes: size, sha256: hash.digest('hex') }
}

/** Names for the tracks of some files, each another one: a file's own, without what makes paths and URLs difficult. */
export function nameTracks(paths: readonly string[]): readonly Upload[] {
  const taken = new Set<string>()
  return paths.map((path) => {
    const name = slugOf(path)
    let track = name
    for (let number = 2; taken.has(track); number += 1) track = `${name}-${number}`
    taken.add(track)
    return { path, track }
  })
}

function slugOf(path: string): string {
  const slug = basename(path, extname(path))
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{Mark}/gu, '')
    .replace(/[^\p{Letter}\p{Number}]+/gu, '-')
    .replace(/^-+|-+$/g, '')
  return slug === '' ? 'track' : slug
}
