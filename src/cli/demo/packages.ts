/*
 * cli/demo: the work that `celeriac demo` queues. Everything here is about audio and the terminal; nothing in the
 * library imports it. decode, tags, waveform, loudness and artwork take a file or samples and give a value, so that
 * they run the same in a test, in a job and on their own. The codecs are packages that a user of the library does
 * not want, hence never static imports: requireDemoPackages() looks for them before any work begins.
 */
import { CeleriacError } from '../../base/errors.ts'

/** What the demo loads when it runs; not dependencies of the library. */
export const DEMO_PACKAGES = [
  'music-metadata',
  'sharp',
  'mpg123-decoder',
  '@wasm-audio-decoders/flac',
  '@wasm-audio-decoders/ogg-vorbis',
  'ogg-opus-decoder',
  'wasm-media-encoders',
] as const

/**
 * Makes sure that every package the demo needs can be loaded here.
 *
 * @param load - how a package is imported; tests give their own
 * @throws {CeleriacError} `DEMO_PACKAGES` with the one command that installs those that are missing; the cause
 *   tells why the first of them did not load (a native binary may be there and not fit the machine)
 */
export async function requireDemoPackages(
  load: (name: string) => Promise<unknown> = (name) => import(name),
): Promise<void> {
  const tries = await Promise.allSettled(DEMO_PACKAGES.map(load))
  const missing = DEMO_PACKAGES.filter((_, index) => tries[index]?.status === 'rejected')
  if (missing.length === 0) return
  const cause: unknown = tries.find((one) => one.status === 'rejected')?.reason
  throw new CeleriacError('DEMO_PACKAGES', { packages: missing.join(' ') }, { cause })
}
