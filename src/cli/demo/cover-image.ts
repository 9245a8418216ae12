/** Pixels a side of a generated cover: as much as the largest picture of it needs. */
const SIZE = 1_024
/** What it is drawn on. */
const CANVAS = 640
const RINGS = 7

/**
 * Draws a cover: rings whose distances follow the sound, on a gradient.
 *
 * @param peaks - 0 … 1, at least one; which ones does not matter, as long as they are this sound's
 * @returns a JPEG
 */
export async function drawCover(
  colours: readonly [string, string],
  peaks: readonly number[],
): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp')
  const [back, front] = colours
  const rings = Array.from({ length: RINGS }, (_, ring) => {
    const peak = peaks[Math.floor((ring * peaks.length) / RINGS)] ?? 0
    const radius = 40 + ring * 38 + peak * 30
    const opacity = 0.9 - ring * 0.1
    return `<circle cx="${320 + ring * 9}" cy="${330 - ring * 11}" r="${radius}" stroke-opacity="${opacity}" stroke-width="${4 + peak * 14}"/>`
  })
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}" viewBox="0 0 ${CANVAS} ${CANVAS}">
    <defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">
      <stop offset="0" stop-color="${back}"/><stop offset="1" stop-color="${front}"/>
    </linearGradient></defs>
    <rect width="${CANVAS}" height="${CANVAS}" fill="url(#g)"/>
    <g fill="none" stroke="#ffffff">${rings.join('')}</g>
  </svg>`
  return sharp(Buffer.from(svg)).jpeg({ quality: 82 }).toBuffer()
}
