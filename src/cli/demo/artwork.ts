import { CeleriacError } from '../../base/errors.ts'

/** A picture that an album's cover is shown as. */
export interface ArtFormat {
  /** Side, in pixels of the page. */
  readonly size: number
  /** Pixels of the screen for each of the page's. */
  readonly density: 1 | 2
}

/** A cover in one format. */
export interface Artwork {
  /** What it became: a small original is not blown up. */
  readonly width: number
  readonly height: number
  /** WebP. */
  readonly data: Uint8Array
}

/** Eight sizes, each for plain and for dense screens. */
export const ART_FORMATS: readonly ArtFormat[] = [32, 48, 64, 96, 128, 192, 256, 512].flatMap(
  (size): ArtFormat[] => [
    { size, density: 1 },
    { size, density: 2 },
  ],
)

/**
 * Makes a square WebP picture out of a cover, cut to its middle where it is not square.
 *
 * @param cover - any format that sharp reads: JPEG, PNG, WebP, GIF, AVIF, SVG …
 * @param file - only for the message
 * @throws {CeleriacError} `AUDIO_DAMAGED` when the picture cannot be read
 */
export async function resizeCover(
  cover: Uint8Array,
  file: string,
  { size, density }: ArtFormat,
): Promise<Artwork> {
  const { default: sharp } = await import('sharp')
  try {
    const side = size * density
    const { data, info } = await sharp(cover)
      .rotate()
      .resize(side, side, { fit: 'cover', withoutEnlargement: true })
      .webp({ quality: 80 })
      .toBuffer({ resolveWithObject: true })
    return { width: info.width, height: info.height, data }
  } catch (cause) {
    const problem = `its cover cannot be read (${cause instanceof Error ? cause.message : String(cause)})`
    throw new CeleriacError('AUDIO_DAMAGED', { file, problem }, { cause })
  }
}
