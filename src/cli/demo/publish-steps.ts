import { type CloudFile, readBytes, saveFile } from './cloud.ts'
import { type Delivery, sendMail } from './mail.ts'
import type { Mp3, Picture, Surroundings, TaggedTrack } from './steps.ts'

/** Everything that was made of a track before it is published. */
export interface Media {
  readonly art: readonly Picture[]
  readonly audio: readonly Mp3[]
}

/** Those who want to know of every new track. */
export const FOLLOWERS = ['ada', 'barbara', 'grace'] as const
export type Follower = (typeof FOLLOWERS)[number]

/** Whoever uploads the tracks of the demo. */
export const UPLOADER = 'Uploader <uploader@example.org>'

/** Puts a track into the search index, under every word of its tags. */
export async function indexTrack({ cloud }: Surroundings, track: string): Promise<CloudFile> {
  const { title, artist, album } = await tagsOf(cloud, track)
  const words = [title, artist, album].flatMap(
    (text) =>
      text
        ?.toLowerCase()
        .split(/[^\p{Letter}\p{Number}]+/u)
        .filter(Boolean) ?? [],
  )
  const entry = { track, title, artist, words: [...new Set(words)].sort() }
  return saveFile(cloud, `search/${track}.json`, `${JSON.stringify(entry, null, 2)}\n`)
}

/** Puts a track into a follower's feed. */
export async function publishTo(
  { cloud }: Surroundings,
  track: string,
  follower: Follower,
  { art, audio }: Media,
): Promise<CloudFile> {
  const { title, artist } = await tagsOf(cloud, track)
  const item = {
    track,
    title,
    artist,
    picture: art.find(({ size, density }) => size === 256 && density === 1)?.key ?? null,
    listen: Object.fromEntries(audio.map(({ kbps, key }) => [kbps, key])),
  }
  return saveFile(cloud, `feeds/${follower}/${track}.json`, `${JSON.stringify(item, null, 2)}\n`)
}

/** Tells the uploader that a track is out: once, however often this runs. */
export async function notify(
  { cloud }: Surroundings,
  track: string,
  { art, audio }: Media,
): Promise<Delivery> {
  const { title } = await tagsOf(cloud, track)
  return sendMail(cloud, `${track}.published`, {
    to: UPLOADER,
    subject: `Your track "${title}" is published`,
    lines: [
      `"${title}" is out, and ${FOLLOWERS.length} followers know of it.`,
      '',
      ...audio.map(({ kbps, key, bytes }) => `${kbps} kbit/s: ${key} (${bytes} bytes)`),
      `and its cover in ${art.length} formats`,
    ],
  })
}

/** Tells the uploader that a track will not come out, and why: once, however often this runs. */
export function apologise({ cloud }: Surroundings, track: string, reason: string): Promise<Delivery> {
  return sendMail(cloud, `${track}.refused`, {
    to: UPLOADER,
    subject: `Your track "${track}" was not published`,
    lines: [`"${track}" was not published: ${reason}.`, '', 'What was made of it before stays where it is.'],
  })
}

async function tagsOf(cloud: string, track: string): Promise<TaggedTrack> {
  // Our own file: extractTags has written it before anything is published.
  return JSON.parse(Buffer.from(await readBytes(cloud, `${track}/tags.json`)).toString())
}
