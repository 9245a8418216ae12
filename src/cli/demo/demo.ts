import { isCeleriacError } from '../../base/errors.ts'
import { VERSION } from '../../base/version.ts'
import type { Out } from './show.ts'

/** What the demo runs on, and where it writes. */
export interface DemoOptions {
  /** Folder with mp3, flac, ogg, opus or wav files; left out, the demo makes some. */
  readonly folder?: string | undefined
  /** A PostgreSQL to use; left out, an embedded one is started. */
  readonly url?: string | undefined
  /** Makes some of the uploads fail, to show what then happens. @defaultValue false */
  readonly fail?: boolean
  readonly stdout: Out
  readonly stderr: Pick<Out, 'write'>
  /** Stops the demo and everything it has started. */
  readonly signal?: AbortSignal
}

/**
 * Uploads music and publishes it: one canvas for each file, real work on real sound in two worker processes. Shows it
 * live on a terminal and in plain lines elsewhere, and says what happened. Leaves no process behind.
 *
 * @returns the exit code: 0 when it ran, also when files turned out to be damaged or somebody else's; 1 when jobs failed otherwise, or the
 *   demo could not run; 3 when the database cannot be reached; 4 when its schema is not ours; 130 when it was stopped
 */
export async function runDemo({
  folder,
  url,
  fail = false,
  stdout,
  stderr,
  signal,
}: DemoOptions): Promise<number> {
  stdout.write(`celeriac ${VERSION} · demo: music is uploaded, prepared and published\n`)
  // Only now: loading the rest takes longer than anybody should look at nothing.
  const [{ run }, { openShow }] = await Promise.all([import('./run.ts'), import('./show.ts')])
  const stopped = signal ?? new AbortController().signal
  try {
    return (await run({ folder, url, fail, signal: stopped }, openShow(stdout))) ? 0 : 1
  } catch (error) {
    if (stopped.aborted) {
      stdout.write('stopped: the jobs that were left are cancelled, the workers are gone\n')
      return 130
    }
    stderr.write(`celeriac demo: ${error instanceof Error ? error.message : String(error)}\n`)
    return exitCodeOf(error)
  }
}

function exitCodeOf(error: unknown): number {
  if (!isCeleriacError(error)) return 1
  if (error.code === 'CONNECT_FAILED') return 3
  return error.code === 'SCHEMA_AHEAD' || error.code === 'SCHEMA_BEHIND' ? 4 : 1
}
