import { CeleriacError } from '../../base/errors.ts'
import { shortBy } from './container.ts'

/** Where the samples of a WAV file are and how they are written. */
export interface WavLayout {
  readonly sampleRate: number
  readonly channelCount: number
  /** Offset of the first sample in the file. */
  readonly start: number
  /** Frames: one sample of each channel. */
  readonly frames: number
  readonly frameBytes: number
  readonly read: (bytes: DataView, offset: number) => number
}

const PCM = 1
const FLOAT = 3
const EXTENSIBLE = 0xfffe
const SIZE_UNKNOWN = 0xffff_ffff

/**
 * Reads the chunks of a RIFF WAVE file.
 *
 * @param file - only for messages
 * @throws {CeleriacError} `AUDIO_DAMAGED` when a chunk ends after the file or one is missing; `AUDIO_UNSUPPORTED`
 *   for samples that are neither PCM nor IEEE float
 * @see http://soundfile.sapp.org/doc/WaveFormat/
 */
export function parseWav(bytes: Uint8Array, file: string): WavLayout {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let format: { start: number; size: number } | null = null
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = String.fromCharCode(...bytes.subarray(at, at + 4))
    const size = view.getUint32(at + 4, true)
    const start = at + 8
    if (id === 'fmt ' && size >= 16 && start + size <= bytes.length) format = { start, size }
    if (id === 'data' && format !== null) return layout(view, file, format, start, size)
    at = start + size + (size % 2) // a chunk of odd size is padded
  }
  throw damaged(file, format === null ? 'it has no whole fmt chunk' : 'it has no data chunk')
}

function layout(
  view: DataView,
  file: string,
  format: { readonly start: number; readonly size: number },
  start: number,
  size: number,
): WavLayout {
  const left = view.byteLength - start
  // A program that writes to a pipe cannot go back and fill in the size.
  const sized = size === SIZE_UNKNOWN ? left : size
  const problem = shortBy(left, sized)
  if (problem !== null) throw damaged(file, problem)
  const tag = view.getUint16(format.start, true)
  // The real format of WAVE_FORMAT_EXTENSIBLE is the first field of its GUID.
  const kind = tag === EXTENSIBLE && format.size >= 40 ? view.getUint16(format.start + 24, true) : tag
  const channelCount = view.getUint16(format.start + 2, true)
  const sampleRate = view.getUint32(format.start + 4, true)
  const bits = view.getUint16(format.start + 14, true)
  const read = reader(kind, bits)
  if (read === null)
    throw new CeleriacError('AUDIO_UNSUPPORTED', { file, found: `wav of kind ${kind}, ${bits} bits` })
  if (channelCount === 0 || sampleRate === 0)
    throw damaged(file, 'its header names no channel or no sample rate')
  const frameBytes = (channelCount * bits) / 8
  return { sampleRate, channelCount, start, frames: Math.floor(sized / frameBytes), frameBytes, read }
}

function reader(kind: number, bits: number): WavLayout['read'] | null {
  if (kind === FLOAT && bits === 32) return (view, at) => view.getFloat32(at, true)
  if (kind === FLOAT && bits === 64) return (view, at) => view.getFloat64(at, true)
  if (kind !== PCM) return null
  if (bits === 8) return (view, at) => (view.getUint8(at) - 128) / 128
  if (bits === 16) return (view, at) => view.getInt16(at, true) / 2 ** 15
  if (bits === 24) return (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23
  if (bits === 32) return (view, at) => view.getInt32(at, true) / 2 ** 31
  return null
}

/** The frames `from` … `to` of a WAV file as one array per channel, full scale ±1. */
export function readFrames(bytes: Uint8Array, wav: WavLayout, from: number, to: number): Float32Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const sampleBytes = wav.frameBytes / wav.channelCount
  return Array.from({ length: wav.channelCount }, (_, channel) => {
    const samples = new Float32Array(to - from)
    let at = wav.start + from * wav.frameBytes + channel * sampleBytes
    for (let i = 0; i < samples.length; i += 1, at += wav.frameBytes) samples[i] = wav.read(view, at)
    return samples
  })
}

/**
 * Writes a WAV file of 16-bit samples.
 *
 * @param channels - one array per channel, all of one length; full scale ±1, what is beyond is clipped
 * @param id3 - an ID3v2 tag; it gets a chunk of its own before the samples, where a cut file still has it
 */
export function encodeWav(
  sampleRate: number,
  channels: readonly Float32Array[],
  id3: Uint8Array | null = null,
): Uint8Array {
  return joinWav(sampleRate, channels.length, [pcm16(channels)], id3)
}

/**
 * Makes a WAV file of samples that {@link pcm16} has written, in order.
 *
 * @param id3 - as for `encodeWav`
 */
export function joinWav(
  sampleRate: number,
  channelCount: number,
  pcm: readonly Uint8Array[],
  id3: Uint8Array | null = null,
): Uint8Array {
  const frameBytes = channelCount * 2
  const format = Buffer.alloc(16)
  format.writeUInt16LE(PCM, 0)
  format.writeUInt16LE(channelCount, 2)
  format.writeUInt32LE(sampleRate, 4)
  format.writeUInt32LE(sampleRate * frameBytes, 8)
  format.writeUInt16LE(frameBytes, 12)
  format.writeUInt16LE(16, 14)
  const chunks = [
    ...chunk('fmt ', format),
    ...(id3 === null ? [] : chunk('id3 ', id3)),
    ...chunk('data', Buffer.concat(pcm)),
  ]
  return Buffer.concat(chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...chunks])))
}

function chunk(id: string, content: Uint8Array): readonly Uint8Array[] {
  const head = Buffer.alloc(8, id, 'latin1')
  head.writeUInt32LE(content.length, 4)
  return [head, content, Buffer.alloc(content.length % 2)]
}

/** Samples as 16-bit integers, frame by frame; what is beyond full scale is clipped. */
export function pcm16(channels: readonly Float32Array[]): Uint8Array {
  const frames = channels[0]?.length ?? 0
  const out = new DataView(new ArrayBuffer(frames * channels.length * 2))
  for (const [channel, samples] of channels.entries()) {
    let at = channel * 2
    for (const sample of samples) {
      out.setInt16(at, Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_767))), true)
      at += channels.length * 2
    }
  }
  return new Uint8Array(out.buffer)
}

const damaged = (file: string, problem: string): CeleriacError =>
  new CeleriacError('AUDIO_DAMAGED', { file, problem })
