import { mkdir } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { Celeriac } from '../../celeriac.ts'
import { startEmbedded } from '../../embedded/index.ts'
import { makeProjectFolder } from '../../embedded/place.ts'
import { demoTasks, isFileFault } from './app.ts'
import { listAudioFiles } from './audio-files.ts'
import { startCatalogue } from './catalogue.ts'
import { type Facts, readFacts } from './facts.ts'
import { type Followed, follow, rootOf } from './follow.ts'
import { requireDemoPackages } from './packages.ts'
import { fact, factLines, nextLines, seconds, trackLines } from './report.ts'
import { makeSamples } from './samples.ts'
import type { Show } from './show.ts'
import { newTrack } from './track.ts'
import { startWorkerProcesses } from './worker-processes.ts'

/** What to run the demo on. */
export interface RunOptions {
  /** Folder with audio; left out, the demo makes some. */
  readonly folder?: string | undefined
  /** Database; left out, an embedded one is started. */
  readonly url?: string | undefined
  readonly signal: AbortSignal
}

const WORKERS = 2
const PROJECT_FOLDER = '.celeriac'

/** Undone in reverse, each whatever became of the others. */
type Undo = (() => Promise<unknown>)[]

/**
 * Runs the demo from the first process to the last.
 *
 * @returns whether every failure was one of a file's own
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

async function stage({ folder, url, signal }: RunOptions, show: Show, undo: Undo): Promise<boolean> {
  // First of all, since a wrong folder needs no database.
  const given = folder === undefined ? null : { folder, files: await listAudioFiles(folder) }
  const home = resolve(PROJECT_FOLDER, 'demo')
  await makeProjectFolder(resolve(PROJECT_FOLDER))
  await mkdir(home, { recursive: true })

  const [database, files] = await bothOf(startDatabase(url, show, undo), findMusic(given, home, show))
  signal.throwIfAborted()

  const catalogue = await startCatalogue()
  undo.push(() => catalogue.stop())
  const { host } = new URL(catalogue.url)
  tell(show, 'catalogue', `a small HTTP service at ${host}, which fails as services do`)
  const settings = { catalogueUrl: catalogue.url, covers: join(home, 'covers') }
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

  const { track } = demoTasks(app, settings)
  const followed = await Promise.all(
    files.map(async (path): Promise<Followed> => {
      const name = basename(path)
      return {
        track: newTrack(path, name),
        handle: await track.with({ labels: { file: name } }).enqueue(path),
      }
    }),
  )
  const ids = followed.map(({ handle }) => handle.id)
  const tracks = followed.map((each) => each.track)
  const cancelRest = (): Promise<void> => cancelFamilies(app, ids)
  // Twice, around the end of the workers: first so that handlers stop at once, then what those have left.
  undo.splice(undo.length - 1, 0, cancelRest)
  undo.push(cancelRest)

  show.begin(tracks)
  await untilGone(processes.gone, signal, (either) => follow(app, followed, show, either))
  show.end()

  const facts: Facts = await readFacts(app, ids)
  show.print('', ...tracks.flatMap((each) => trackLines(each, show.paper)))
  show.print('', ...factLines(facts, tracks, show.paper))
  show.print('', ...nextLines(facts, show.paper))
  return tracks.every((each) => each.failures.every(({ error }) => isFileFault(rootOf(error))))
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
  const place = relative(process.cwd(), server.dir) || server.dir
  tell(show, 'database', `embedded PostgreSQL ${server.version} · ${how.join(', ')} · ${place}`)
  return server.url
}

interface Given {
  readonly folder: string
  readonly files: readonly string[]
}

async function findMusic(given: Given | null, home: string, show: Show): Promise<readonly string[]> {
  await requireDemoPackages()
  if (given !== null) {
    const { folder, files } = given
    tell(show, 'music', `${files.length} ${files.length === 1 ? 'file' : 'files'} of ${folder}`)
    return files.map((path) => resolve(path))
  }
  const music = join(home, 'music')
  const files = await makeSamples(music)
  const place = relative(process.cwd(), music)
  tell(show, 'music', `${files.length} pieces of our own in ${place}, one cut short on purpose`)
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

async function cancelFamilies(app: Celeriac, rootIds: readonly string[]): Promise<void> {
  const roots = new Set(rootIds)
  for (const state of ['pending', 'running'] as const) {
    const jobs = await app.inspect.jobs({ state, limit: 1_000 })
    const ours = jobs.filter((job) => roots.has(job.root_id ?? job.id))
    await Promise.all(ours.map((job) => app.job(job.id).cancel({ reason: 'the demo was stopped' })))
  }
}

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return 'PostgreSQL'
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function tell(show: Show, label: string, text: string): void {
  show.print(fact(label, text, show.paper))
}

const since = (instant: number): number => performance.now() - instant
