import { CeleriacError } from '../../base/errors.ts'

/** A cover in one size. */
export interface Artwork {
  /** The size that was asked for, in pixels a side. */
  readonly size: number
  /** What it became: a small original is not blown up. */
  readonly width: number
  readonly height: number
  /** WebP. */
  readonly data: Uint8Array
}

/** Pixels a side. */
export const ARTWORK_SIZES: readonly number[] = [64, 256, 512]

/**
 * Makes square WebP pictures out of a cover, cut to its middle where it is not square.
 *
 * @param cover - any format that sharp reads: JPEG, PNG, WebP, GIF, AVIF, SVG …
 * @param file - only for the message
 * @throws {CeleriacError} `AUDIO_DAMAGED` when the picture cannot be read
 */
export async function resizeCover(
  cover: Uint8Array,
  file: string,
  sizes: readonly number[] = ARTWORK_SIZES,
): Promise<readonly Artwork[]> {
  const { default: sharp } = await import('sharp')
  try {
    return await Promise.all(
      sizes.map(async (size) => {
        const { data, info } = await sharp(cover)
          .rotate()
          .resize(size, size, { fit: 'cover', withoutEnlargement: true })
          .webp({ quality: 80 })
          .toBuffer({ resolveWithObject: true })
        return { size, width: info.width, height: info.height, data }
      }),
    )
  } catch (cause) {
    const problem = `its cover cannot be read (${cause instanceof Error ? cause.message : String(cause)})`
    throw new CeleriacError('AUDIO_DAMAGED', { file, problem }, { cause })
  }
}
