const WIDTH = 1_200
const HEIGHT = 240

/**
 * Draws a waveform as a PNG, on the sound's own scale, so that a quiet one has a shape too.
 *
 * @param peaks - 0 … 1, one for each bar
 */
export async function drawWaveform(peaks: readonly number[]): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp')
  const highest = peaks.reduce((high, one) => Math.max(high, one), 0) || 1
  const step = WIDTH / Math.max(1, peaks.length)
  const bars = peaks.map((peak, index) => {
    const height = Math.max(2, (peak / highest) * HEIGHT)
    return `<rect x="${(index * step).toFixed(1)}" y="${((HEIGHT - height) / 2).toFixed(1)}" width="${(step * 0.7).toFixed(1)}" height="${height.toFixed(1)}"/>`
  })
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
    <rect width="${WIDTH}" height="${HEIGHT}" fill="#10151a"/><g fill="#7fd1ae">${bars.join('')}</g></svg>`
  return sharp(Buffer.from(svg)).png().toBuffer()
}
