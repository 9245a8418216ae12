import { basename, extname } from 'node:path'
import { CeleriacError } from '../../base/errors.ts'

/** A picture inside an audio file. */
export interface Cover {
  /** As the file states it, such as `image/jpeg`. */
  readonly mime: string
  readonly data: Uint8Array
}

/** What a file says about itself; `null` where it says nothing. */
export interface Tags {
  /** The title, or the name of the file without its extension. */
  readonly title: string
  readonly artist: string | null
  readonly album: string | null
  readonly seconds: number | null
  /** Such as `FLAC`, `MPEG` or `WAVE`. */
  readonly container: string | null
  readonly cover: Cover | null
}

/**
 * Reads the tags of an audio file, whatever their kind: ID3, Vorbis comments, RIFF INFO.
 *
 * @throws {CeleriacError} `AUDIO_DAMAGED` when nothing can be read from it
 */
export async function readTags(path: string): Promise<Tags> {
  const { parseFile, selectCover } = await import('music-metadata')
  try {
    const { common, format } = await parseFile(path, { duration: true })
    const cover = selectCover(common.picture)
    return {
      title: common.title ?? basename(path, extname(path)),
      artist: common.artist ?? null,
      album: common.album ?? null,
      seconds: format.duration ?? null,
      container: format.container ?? null,
      cover: cover === null ? null : { mime: cover.format, data: cover.data },
    }
  } catch (cause) {
    if (isFileError(cause)) throw cause // a missing or unreadable file may be there at the next attempt
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw new CeleriacError('AUDIO_DAMAGED', { file: basename(path), problem }, { cause })
  }
}

function isFileError(thrown: unknown): boolean {
  return thrown instanceof Error && 'syscall' in thrown
}
