import { stat } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { ART_FORMATS } from '../../../src/cli/demo/artwork.ts'
import { uploadCanvas } from '../../../src/cli/demo/canvas.ts'
import { pathIn } from '../../../src/cli/demo/cloud.ts'
import { BITRATES, type Bitrate } from '../../../src/cli/demo/mp3.ts'
import { FOLLOWERS } from '../../../src/cli/demo/publish-steps.ts'
import { encode, extractTags, type Mp3, type NormalisedSound } from '../../../src/cli/demo/steps.ts'
import { DEMO_QUEUE } from '../../../src/cli/demo/tasks.ts'
import { uploadFile } from '../../../src/cli/demo/upload.ts'
import { chain, chord, group } from '../../../src/index.ts'
import { useDatabase } from '../../support/postgres.ts'
import { alone, expectNothingOpen, lettersIn, recording, statesAtRest, times, useUploads } from './uploads.ts'

const TIMEOUT_MS = 120_000
const database = useDatabase()
const uploads = useUploads(database)
/** Where an upload takes long enough to be watched. */
const paced = useUploads(database, 40)

describe('an upload', { timeout: TIMEOUT_MS }, () => {
  test('C-211 reports its progress from 0 to 1, and its cover comes in 16 formats, in their order', async () => {
    const { tasks } = paced
    const art = chain(tasks.tags.s(), group(ART_FORMATS.map((format) => tasks.art.s(format))))
    const handle = await chain(tasks.upload.s(recording('c-211')), art).enqueue()
    const [first] = (await handle.workflow.tree()).nodes
    const reports: unknown[] = []
    const reported = (async () => {
      for await (const report of paced.app.job(first?.id ?? '').progress()) reports.push(report)
    })()
    await paced.work(4)
    const pictures = await handle.result()
    await reported

    expect(pictures.map(({ size, density }) => ({ size, density }))).toEqual(ART_FORMATS)
    expect(pictures).toHaveLength(16)
    for (const { key, bytes } of pictures) {
      expect((await stat(pathIn(paced.settings.cloud, key))).size).toBe(bytes)
    }
    const done = reports.map((report) => Number(Reflect.get(Object(report), 'done')))
    expect(done).toEqual(done.toSorted((a, b) => a - b))
    expect(done.length).toBeGreaterThanOrEqual(3)
    expect(done.at(-1)).toBe(1)
  })

  test('C-212 the encoders wait for the sound and for the copyright check, and come in their order', async () => {
    const { tasks } = uploads
    const handle = await uploadCanvas(tasks, recording('c-212')).enqueue()
    await uploads.work(4)
    await handle.result()
    const jobs = (await handle.workflow.tree()).all()
    const of = (task: string) => jobs.filter((job) => job.task === `demo.${task}`)
    const begun = of('encode').map(({ claimedAt }) => claimedAt?.getTime() ?? 0)
    const before = [...of('normalise'), ...of('rights')].map(
      ({ settledAt }) => settledAt?.getTime() ?? Infinity,
    )
    expect(Math.min(...begun)).toBeGreaterThanOrEqual(Math.max(...before))
    const mp3s = await Promise.all(of('encode').map(({ id }) => uploads.app.job(id).result()))
    expect(mp3s).toMatchObject([{ kbps: 128 }, { kbps: 192 }, { kbps: 320 }])
  })

  test('C-213 index, followers and the one e-mail come when everything is there', async () => {
    const { tasks } = uploads
    const handle = await uploadCanvas(tasks, recording('c-213')).enqueue()
    await uploads.work(4)
    expect(await handle.result()).toEqual({
      index: { key: 'search/c-213.json', bytes: expect.any(Number) },
      publish: FOLLOWERS.map((follower) => ({
        key: `feeds/${follower}/c-213.json`,
        bytes: expect.any(Number),
      })),
      notify: { key: 'outbox/c-213.published.eml', sent: true },
    })
    expect(await statesAtRest(handle.workflow)).toEqual({
      upload: times(1, 'succeeded'),
      tags: times(1, 'succeeded'),
      art: times(16, 'succeeded'),
      waveform: times(1, 'succeeded'),
      normalise: times(1, 'succeeded'),
      rights: times(1, 'succeeded'),
      encode: times(3, 'succeeded'),
      index: times(1, 'succeeded'),
      publish: times(3, 'succeeded'),
      notify: times(1, 'succeeded'),
    })
    const jobs = (await handle.workflow.tree()).all()
    const last = (tasks: readonly string[]) =>
      jobs.filter((job) => tasks.includes(job.task)).map(({ settledAt, claimedAt }) => [claimedAt, settledAt])
    const prepared = last(['demo.art', 'demo.encode']).map(([, settled]) => settled?.getTime() ?? Infinity)
    const released = last(['demo.index', 'demo.publish', 'demo.notify']).map(
      ([claimed]) => claimed?.getTime() ?? 0,
    )
    expect(Math.min(...released)).toBeGreaterThanOrEqual(Math.max(...prepared))
    expect(await lettersIn(uploads.settings.cloud)).toContain('c-213.published.eml')
    await expectNothingOpen(database)
  })

  test('C-212 C-213 e-mail comes last where index, followers and e-mail are steps, however the audio branches', async () => {
    const { app, tasks, settings } = uploads
    const here = alone(settings.cloud)
    const onDemo = { queue: DEMO_QUEUE }
    const order: string[] = []
    const graph = app.task('test.graph', onDemo, (sound: NormalisedSound) => sound.key)
    const shrink = app.task('test.encode', onDemo, (sound: NormalisedSound, kbps: Bitrate) =>
      encode(here, sound, kbps),
    )
    const collect = app.task('test.collect', onDemo, (mp3s: readonly Mp3[]) => mp3s.map(({ kbps }) => kbps))
    const index = app.task('test.index', onDemo, (made: readonly unknown[]) => {
      order.push('index')
      return made.length
    })
    const tell = app.task('test.publish', onDemo, (branches: number, follower: string) => {
      order.push('publish')
      return `${follower}: ${branches}`
    })
    const mail = app.task('test.mail', onDemo, (told: readonly string[]) => {
      order.push('mail')
      return told
    })
    const art = chain(tasks.tags.s(), group(ART_FORMATS.map((format) => tasks.art.s(format))))
    const mp3s = chain(group(BITRATES.map((kbps) => shrink.s(kbps))), collect.s())
    const audio = chain(tasks.waveform.s(), tasks.normalise.s(), group([graph.s(), mp3s]))
    const release = chain(index.s(), group(FOLLOWERS.map((follower) => tell.s(follower))), mail.s())
    const canvas = chain(
      tasks.upload.s(recording('c-213-steps')),
      chord([art, audio, tasks.rights.s()], release),
    )
    const handle = await canvas.enqueue()
    await uploads.work(4)
    expect(await handle.result()).toEqual(FOLLOWERS.map((follower) => `${follower}: 3`))
    expect(order).toEqual(['index', 'publish', 'publish', 'publish', 'mail'])
    const nodes = (await app.workflow(handle.id).tree()).all()
    const collected = nodes.find(({ task }) => task === 'test.collect')
    expect(await app.job(collected?.id ?? '').result()).toEqual(BITRATES)
  })

  test('C-214 a recording of somebody else is not published, its uploader is told once, the rest stays', async () => {
    const { tasks, rights, settings } = uploads
    const claimed = recording('c-214', 'two-tones.flac')
    const { sha256 } = await uploadFile(
      settings.cloud,
      { ...claimed, track: 'c-214-before' },
      { ...alone(settings.cloud), pieceMs: 0 },
    )
    rights.claim(sha256)
    const handle = await uploadCanvas(tasks, claimed).enqueue()
    await uploads.work(4)
    const error = await handle.result().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CHORD_FAILED' })
    expect(await statesAtRest(handle.workflow)).toEqual({
      upload: times(1, 'succeeded'),
      tags: times(1, 'succeeded'),
      art: times(16, 'succeeded'),
      waveform: times(1, 'succeeded'),
      normalise: times(1, 'succeeded'),
      rights: times(1, 'failed'),
      encode: times(3, 'failed, never run'),
      index: times(1, 'failed, never run'),
      publish: times(3, 'failed, never run'),
      notify: times(1, 'failed, never run'),
      apologise: times(1, 'succeeded'),
    })
    const jobs = (await handle.workflow.tree()).all()
    const kept = jobs.filter(({ task }) => task === 'demo.art' || task === 'demo.normalise')
    for (const { id } of kept) {
      const value = await uploads.app.job<{ key: string; bytes: number }>(id).result()
      expect((await stat(pathIn(settings.cloud, value.key))).size).toBe(value.bytes)
    }
    const letters = await lettersIn(settings.cloud)
    expect(letters.filter((name) => name.startsWith('c-214'))).toEqual(['c-214.refused.eml'])
    await expectNothingOpen(database)
  })

  test('C-215 the copyright check overtakes a thousand pictures of other uploads', async () => {
    const { tasks, settings } = uploads
    const here = alone(settings.cloud)
    const other = await uploadFile(settings.cloud, recording('c-215-other'), { ...here, pieceMs: 0 })
    const tagged = await extractTags(here, other)
    const pictures = Array.from({ length: 1_000 }, () => tasks.art.s(tagged, { size: 32, density: 1 }))
    const crowd = await group(pictures).enqueue()
    const check = await chain(tasks.upload.s(recording('c-215')), tasks.rights.s()).enqueue()
    await uploads.work(1)
    await check.result()
    expect((await crowd.workflow.progress()).succeeded).toBeLessThan(50)
    await crowd.workflow.cancel()
  })
})
