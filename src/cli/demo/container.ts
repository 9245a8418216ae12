import { CeleriacError } from '../../base/errors.ts'

/** What a file is, told from its bytes, since extensions lie. */
export type AudioFormat = 'mp3' | 'flac' | 'vorbis' | 'opus' | 'wav'

const FLAC_STREAMINFO_END = 42

/**
 * Tells the format of a file from its first bytes.
 *
 * @param file - only for the message
 * @throws {CeleriacError} `AUDIO_UNSUPPORTED` for anything else, an empty file too
 */
export function audioFormat(bytes: Uint8Array, file: string): AudioFormat {
  const format = formatAt(bytes, 0)
  if (format !== null) return format
  throw new CeleriacError('AUDIO_UNSUPPORTED', {
    file,
    found: bytes.length === 0 ? 'empty' : 'of another format',
  })
}

function formatAt(bytes: Uint8Array, start: number): AudioFormat | null {
  const head = text(bytes, start, start + 4)
  if (head === 'RIFF' && text(bytes, start + 8, start + 12) === 'WAVE') return 'wav'
  if (head === 'fLaC') return 'flac'
  if (head === 'OggS') return oggFormat(bytes.subarray(start))
  const tagged = id3Size(bytes, start)
  if (tagged > 0) return formatAt(bytes, start + tagged) ?? 'mp3'
  return isMpegFrame(bytes, start) ? 'mp3' : null
}

function oggFormat(bytes: Uint8Array): AudioFormat | null {
  const packet = 27 + (bytes[26] ?? 0)
  if (text(bytes, packet + 1, packet + 7) === 'vorbis') return 'vorbis'
  return text(bytes, packet, packet + 8) === 'OpusHead' ? 'opus' : null
}

/**
 * Says what is missing from a file that ends too early, or `null` when it is whole as far as one can tell.
 *
 * Decoders play what is there and keep silent about the rest (or, at a torn Ogg page, make something up), so the
 * sizes that the container itself states are compared with the file. An mp3 without an Info header states none.
 */
export function missingPart(bytes: Uint8Array, format: AudioFormat): string | null {
  if (format === 'mp3') return missingOfMp3(bytes)
  if (format === 'flac') return bytes.length < FLAC_STREAMINFO_END ? 'it ends within its header' : null
  if (format === 'wav') return null // parseWav compares the sizes itself
  return missingOfOgg(bytes)
}

/** Frames of audio that a FLAC header promises; 0 when it leaves them open. */
export function flacFrames(bytes: Uint8Array): number {
  const start = id3Size(bytes, 0)
  const high = (bytes[start + 21] ?? 0) & 0x0f
  return high * 2 ** 32 + view(bytes).getUint32(start + 22)
}

/** Whether the first frame of an mp3 has one channel. */
export function isMonoMp3(bytes: Uint8Array): boolean {
  let start = id3Size(bytes, 0)
  while (start + 4 < bytes.length && !isMpegFrame(bytes, start)) start += 1 // some tags are padded behind their end
  return (bytes[start + 3] ?? 0) >> 6 === 3
}

/** Bytes of the ID3v2 tag that begins at `start`, its own header included; 0 when there is none. */
export function id3Size(bytes: Uint8Array, start: number): number {
  if (text(bytes, start, start + 3) !== 'ID3' || bytes.length < start + 10) return 0
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(start + 6, start + 10)
  const footer = ((bytes[start + 5] ?? 0) & 0x10) !== 0 ? 10 : 0
  return 10 + footer + ((a & 127) << 21) + ((b & 127) << 14) + ((c & 127) << 7) + (d & 127)
}

function isMpegFrame(bytes: Uint8Array, start: number): boolean {
  const [a = 0, b = 0] = bytes.subarray(start, start + 2)
  const layer = (b >> 1) & 3
  return a === 0xff && (b & 0xe0) === 0xe0 && layer !== 0
}

/** The encoder's Info frame (Xing in a variable bit rate) states how many bytes of audio follow. */
function missingOfMp3(bytes: Uint8Array): string | null {
  const start = id3Size(bytes, 0)
  if (start >= bytes.length) return 'it ends before its audio begins'
  const second = bytes[start + 1] ?? 0
  const mono = (bytes[start + 3] ?? 0) >> 6 === 3
  const mpeg1 = (second & 0x18) === 0x18
  const side = mpeg1 ? (mono ? 17 : 32) : mono ? 9 : 17
  const info = start + 4 + side
  const mark = text(bytes, info, info + 4)
  if ((mark !== 'Xing' && mark !== 'Info') || bytes.length < info + 16) return null
  const flags = view(bytes).getUint32(info + 4)
  if ((flags & 2) === 0) return null
  const promised = view(bytes).getUint32(info + 8 + ((flags & 1) === 0 ? 0 : 4))
  return shortBy(bytes.length - start, promised)
}

function missingOfOgg(bytes: Uint8Array): string | null {
  let start = 0
  while (start < bytes.length) {
    if (text(bytes, start, start + 4) !== 'OggS') return `no Ogg page begins at byte ${start}`
    const segments = bytes[start + 26] ?? 0
    let end = start + 27 + segments
    for (const size of bytes.subarray(start + 27, start + 27 + segments)) end += size
    if (end > bytes.length) return shortBy(bytes.length - start, end - start)
    start = end
  }
  return null
}

/** How a size that is too small reads in a message; `null` when it is not. */
export function shortBy(has: number, promised: number): string | null {
  if (has >= promised) return null
  return `it ends early, ${has} bytes of ${promised} are there`
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const text = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(start, end))
