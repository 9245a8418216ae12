import { chain, chord, group } from '../../index.ts'
import { ART_FORMATS } from './artwork.ts'
import { BITRATES } from './mp3.ts'
import { FOLLOWERS } from './publish-steps.ts'
import type { DemoTasks } from './tasks.ts'
import type { Upload } from './upload.ts'

/**
 * Everything that happens to a track, as one canvas:
 *
 *     upload ─┬─ tags ── 16 pictures ──────────────────────────┬─┬─ index
 *             ├─ waveform ── normalise ─┐                      │ ├─ publish to each follower
 *             └─ rights ────────────────┴─ 128, 192, 320 kbit/s┘ └─ notify
 *
 * The encoders wait for the sound and for the copyright check; what follows waits for all pictures and encoders. When
 * any of it fails for good, what depends on it is not run, and the uploader is told once.
 */
export function uploadCanvas(tasks: DemoTasks, upload: Upload) {
  const { track } = upload
  const art = chain(tasks.tags.s(), group(ART_FORMATS.map((format) => tasks.art.s(format))))
  const audio = chord(
    { sound: chain(tasks.waveform.s(), tasks.normalise.s()), rights: tasks.rights.s() },
    group(BITRATES.map((kbps) => tasks.encode.s(kbps))),
  )
  const release = group({
    index: tasks.index.s(track),
    publish: group(FOLLOWERS.map((follower) => tasks.publish.s(track, follower))),
    notify: tasks.notify.s(track),
  })
  return chain(tasks.upload.s(upload), chord({ art, audio }, release)).onError(tasks.apologise.s(track))
}
