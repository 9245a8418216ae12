/** What the demo writes into the files it makes. */
export interface Id3Tags {
  readonly title: string
  readonly artist: string
  readonly album: string
  /** A JPEG. */
  readonly cover: Uint8Array
}

const UTF8 = 3
const FRONT_COVER = 3

/**
 * Writes an ID3v2.4 tag with a front cover.
 *
 * @see https://id3.org/id3v2.4.0-structure
 */
export function encodeId3(tags: Id3Tags): Uint8Array {
  const picture = Buffer.concat([Buffer.from(`\0image/jpeg\0`), Buffer.of(FRONT_COVER, 0), tags.cover])
  const frames = Buffer.concat([
    textFrame('TIT2', tags.title),
    textFrame('TPE1', tags.artist),
    textFrame('TALB', tags.album),
    frame('APIC', picture),
  ])
  return Buffer.concat([Buffer.from('ID3'), Buffer.of(4, 0, 0), synchsafe(frames.length), frames])
}

const textFrame = (id: string, text: string): Buffer =>
  frame(id, Buffer.concat([Buffer.of(UTF8), Buffer.from(text)]))

const frame = (id: string, content: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(id), synchsafe(content.length), Buffer.of(0, 0), content])

/** Sizes have seven bits a byte, so that no part of a tag looks like the start of an mp3 frame. */
const synchsafe = (size: number): Buffer =>
  Buffer.of((size >> 21) & 127, (size >> 14) & 127, (size >> 7) & 127, size & 127)
