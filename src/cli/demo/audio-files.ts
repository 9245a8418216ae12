import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { CeleriacError } from '../../base/errors.ts'

const EXTENSIONS: ReadonlySet<string> = new Set(['.mp3', '.flac', '.ogg', '.oga', '.opus', '.wav', '.wave'])

/**
 * Lists the audio files of a folder, by name; folders inside it and hidden files are passed over.
 *
 * @returns paths that begin with `folder`
 * @throws {CeleriacError} `AUDIO_FOLDER` when it cannot be read or holds none
 */
export async function listAudioFiles(folder: string): Promise<readonly string[]> {
  const names = await readNames(folder)
  if (names.length === 0) throw new CeleriacError('AUDIO_FOLDER', { folder, reason: 'no such file in it' })
  return names.map((name) => join(folder, name))
}

async function readNames(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .filter((name) => EXTENSIONS.has(extname(name).toLowerCase()))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CeleriacError('AUDIO_FOLDER', { folder, reason }, { cause })
  }
}
