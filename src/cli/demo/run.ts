import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { Celeriac } from '../../celeriac.ts'
import { startEmbedded } from '../../embedded/index.ts'
import { makeProjectFolder } from '../../embedded/place.ts'
import type { Workflow } from '../../job/workflow.ts'
import { listAudioFiles } from './audio-files.ts'
import { uploadCanvas } from './canvas.ts'
import { listCloud } from './cloud.ts'
import { readFacts } from './facts.ts'
import { type Followed, follow } from './follow.ts'
import { lookAt } from './look.ts'
import { requireDemoPackages } from './packages.ts'
import { fact, factLines, nextLines, seconds, trackLines } from './report.ts'
import { failuresAreExpected, readResults } from './results.ts'
import { type RightsService, startRights } from './rights.ts'
import { makeSamples } from './samples.ts'
import type { Show } from './show.ts'
import { type DemoSettings, demoTasks } from './tasks.ts'
import { failuresOf, newTrack } from './track.ts'
import { nameTracks } from './upload.ts'
import { startWorkerProcesses } from './worker-processes.ts'

/** What to run the demo on. */
export interface RunOptions {
  /** Folder with audio; left out, the demo makes some. */
  readonly folder?: string | undefined
  /** Database; left out, an embedded one is started. */
  readonly url?: string | undefined
  /** Makes some of the uploads fail. */
  readonly fail: boolean
  readonly signal: AbortSignal
}

const WORKERS = 2
const PROJECT_FOLDER = '.celeriac'
/** Place of the recording that somebody else owns, when something is to fail; the last one where there are fewer. */
const CLAIMED = 2

/** Undone in reverse, each whatever became of the others. */
type Undo = (() => Promise<unknown>)[]

/**
 * Runs the demo from the first process to the last.
 *
 * @returns whether every failure was to be expected of its file
 * @throws {CeleriacError} when it cannot run: `DEMO_PACKAGES`, `AUDIO_FOLDER`, `EMBEDDED_…`, `CONNECT_FAILED`, …
 * @throws the signal's reason when it aborts; nothing it has started is left then
 */
export async function run(options: RunOptions, show: Show): Promise<boolean> {
  const undo: Undo = []
  try {
    return await stage(options, show, undo)
  } finally {
    show.end()
    if (options.signal.aborted) show.print('stopping …')
    for (const step of undo.toReversed()) await step().catch(() => undefined)
  }
}

async function stage({ folder, url, fail, signal }: RunOptions, show: Show, undo: Undo): Promise<boolean> {
  // First of all, since a wrong folder needs no database.
  const given = folder === undefined ? null : { folder, files: await listAudioFiles(folder) }
  const home = resolve(PROJECT_FOLDER, 'demo')
  await makeProjectFolder(resolve(PROJECT_FOLDER))
  await mkdir(home, { recursive: true })

  const [database, files] = await bothOf(startDatabase(url, show, undo), findMusic(given, home, fail, show))
  signal.throwIfAborted()

  const cloud = await emptyCloud(home, show)
  const rights = await startRights()
  undo.push(() => rights.stop())
  tell(show, 'copyright', `a small HTTP service at ${new URL(rights.url).host}, which fails as services do`)
  if (fail) await claimOne(rights, files, show)
  const settings = { cloud, rightsUrl: rights.url }
  const app = new Celeriac({ database, log: 'silent' })
  undo.push(() => app.stop())
  const migratedAt = performance.now()
  const { applied } = await app.migrate()
  const migrated = applied.length === 0 ? 'was there' : `installed in ${seconds(since(migratedAt))}`
  tell(show, 'schema', `celeriac, ${migrated}`)
  signal.throwIfAborted()

  const begunAt = performance.now()
  const processes = await startWorkerProcesses({
    ...settings,
    count: WORKERS,
    databaseUrl: database,
    logs: home,
  })
  undo.push(() => processes.stop())
  const named = processes.workers.map(({ name, pid }) => `${name} (process ${pid})`)
  tell(show, 'workers', `${named.join(' and ')}, started in ${seconds(since(begunAt))}`)
  signal.throwIfAborted()

  const uploads = await enqueueAll(app, settings, files)
  const cancelRest = (): Promise<unknown> =>
    Promise.all(uploads.map(({ workflow }) => cancelUpload(app, workflow)))
  // Twice, around the end of the workers: first so that handlers stop at once, then what those have left.
  undo.splice(undo.length - 1, 0, cancelRest)
  undo.push(cancelRest)

  const tracks = uploads.map(({ track }) => track)
  show.begin(tracks)
  await untilGone(processes.gone, signal, (either) => follow(uploads, show, either))
  show.end()
  await report(app, uploads, cloud, show)
  return failuresAreExpected(app, tracks)
}

/** An upload, and the canvas it is. */
interface Enqueued extends Followed {
  readonly workflow: Workflow
}

function enqueueAll(
  app: Celeriac,
  settings: DemoSettings,
  files: readonly string[],
): Promise<readonly Enqueued[]> {
  const tasks = demoTasks(app, settings)
  return Promise.all(
    nameTracks(files).map(async (upload) => {
      const { workflow } = await uploadCanvas(tasks, upload).enqueue()
      return { track: newTrack(upload), workflow, look: lookAt(app, workflow) }
    }),
  )
}

async function report(app: Celeriac, uploads: readonly Enqueued[], cloud: string, show: Show): Promise<void> {
  const tracks = uploads.map(({ track }) => track)
  const ids = await Promise.all(uploads.map(async ({ workflow }) => (await workflow.tree()).id))
  const [facts, results, files] = await Promise.all([
    readFacts(app, ids),
    Promise.all(tracks.map((track) => readResults(app, track))),
    listCloud(cloud),
  ])
  for (const [index, track] of tracks.entries()) {
    const found = results[index]
    if (found !== undefined) show.print('', ...trackLines(track, found, show.paper))
  }
  const worthALook = tracks.findIndex((track) => failuresOf(track).length > 0)
  show.print('', ...factLines(facts, tracks, { place: shortened(cloud), files }, show.paper))
  show.print('', ...nextLines(facts, ids.at(Math.max(0, worthALook)) ?? null, show.paper))
}

/** The folder that plays the part of the cloud, without what another run has left in it. */
async function emptyCloud(home: string, show: Show): Promise<string> {
  const cloud = join(home, 'cloud')
  await rm(cloud, { recursive: true, force: true })
  await mkdir(cloud)
  tell(show, 'cloud', `a folder, ${shortened(cloud)}`)
  return cloud
}

/** Makes one of the recordings somebody else's. */
async function claimOne(rights: RightsService, files: readonly string[], show: Show): Promise<void> {
  const path = files[Math.min(CLAIMED, files.length - 1)] ?? ''
  rights.claim(
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  )
  tell(show, 'to fail', `${basename(path)} belongs to somebody else; the service knows`)
}

async function cancelUpload(app: Celeriac, workflow: Workflow): Promise<void> {
  const reason = 'the demo was stopped'
  await workflow.cancel({ reason })
  const tree = await workflow.tree()
  const handlers = tree.all().filter(({ kind, settledAt }) => kind === 'errback' && settledAt === null)
  await Promise.all(handlers.map(({ id }) => app.job(id).cancel({ reason })))
}

async function startDatabase(url: string | undefined, show: Show, undo: Undo): Promise<string> {
  if (url !== undefined) {
    tell(show, 'database', withoutPassword(url))
    return url
  }
  const server = await startEmbedded({ dir: PROJECT_FOLDER })
  undo.push(() => server.stop())
  const how = [
    server.createdMs > 0 ? `created in ${seconds(server.createdMs)}` : null,
    server.adopted ? 'running already' : `started in ${seconds(server.startedMs)}`,
  ].filter((part) => part !== null)
  const place = shortened(server.dir)
  tell(show, 'database', `embedded PostgreSQL ${server.version} · ${how.join(', ')} · ${place}`)
  return server.url
}

interface Given {
  readonly folder: string
  readonly files: readonly string[]
}

async function findMusic(
  given: Given | null,
  home: string,
  fail: boolean,
  show: Show,
): Promise<readonly string[]> {
  await requireDemoPackages()
  if (given !== null) {
    const { folder, files } = given
    tell(show, 'music', `${files.length} ${files.length === 1 ? 'file' : 'files'} of ${folder}`)
    return files.map((path) => resolve(path))
  }
  const music = join(home, 'music')
  const files = await makeSamples(music, fail)
  const torn = fail ? ', one cut short on purpose' : ''
  tell(show, 'music', `${files.length} pieces of our own in ${shortened(music)}${torn}`)
  return files
}

/** Waits for both also when one fails: what the other starts has to be undone. */
async function bothOf<One, Other>(one: Promise<One>, other: Promise<Other>): Promise<[One, Other]> {
  await Promise.allSettled([one, other])
  return [await one, await other]
}

/** Works until it is done, or the signal aborts, or every worker is gone. */
async function untilGone(
  gone: Promise<never>,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const alone = new AbortController()
  gone.catch((error: unknown) => alone.abort(error))
  await work(AbortSignal.any([signal, alone.signal]))
}

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return 'PostgreSQL'
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function tell(show: Show, label: string, text: string): void {
  show.print(fact(label, text, show.paper))
}

/** As whoever works here would type it. */
const shortened = (path: string): string => relative(process.cwd(), path) || path

const since = (instant: number): number => performance.now() - instant
