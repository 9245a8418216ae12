import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { CeleriacError } from '../base/errors.ts'
import { errorCode, fateOf, ownIdentity, parseIdentity } from './process-identity.ts'

/** How long a lock counts whose holder cannot be asked: half written, or of another container. */
const UNKNOWN_HOLDER_MS = 10_000
const FREE = '\nfree'

/**
 * Runs `work` while no other process (and no other call in this one) does so for the same folder.
 *
 * The lock is the file with the highest number in `folder`; it names its holder, or says that it is free. Whoever finds
 * it free, or its holder dead, makes the next number, which only one can. The highest file is never removed, numbers
 * only grow: a slow taker that wakes up late sees a higher number and steps back. Nothing has to be taken away from
 * a dead holder, which is where lock files usually go wrong.
 *
 * @throws {CeleriacError} `EMBEDDED_FAILED` when a living process holds it for `timeoutMs`.
 */
export async function withLock<Result>(
  folder: string,
  work: () => Promise<Result>,
  timeoutMs = 120_000,
): Promise<Result> {
  await mkdir(folder, { recursive: true })
  const held = await acquire(folder, Date.now() + timeoutMs)
  try {
    return await work()
  } finally {
    // One small append is atomic: a reader sees the holder or "free", never half of it.
    await appendFile(held, FREE).catch(() => undefined)
  }
}

async function acquire(folder: string, deadline: number): Promise<string> {
  for (;;) {
    const top = await highest(folder)
    if (await isTakeable(folder, top)) {
      const mine = await take(folder, top + 1)
      if (mine !== null) return mine
      continue
    }
    if (Date.now() > deadline) {
      const holder = await readFile(join(folder, String(top)), 'utf8').catch(() => '')
      throw new CeleriacError('EMBEDDED_FAILED', {
        dir: folder,
        reason: `process ${parseIdentity(holder)?.pid ?? 'unknown'} is starting or stopping it and does not end`,
      })
    }
    await wait(10 + Math.random() * 20)
  }
}

async function take(folder: string, number: number): Promise<string | null> {
  const path = join(folder, String(number))
  try {
    await writeFile(path, JSON.stringify(ownIdentity()), { flag: 'wx' })
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return null
    throw error
  }
  if ((await highest(folder)) !== number) {
    await rm(path, { force: true })
    return null
  }
  const lower = (await numbers(folder)).filter((other) => other < number)
  await Promise.all(lower.map((other) => rm(join(folder, String(other)), { force: true })))
  return path
}

async function isTakeable(folder: string, number: number): Promise<boolean> {
  if (number === 0) return true
  const path = join(folder, String(number))
  try {
    const text = await readFile(path, 'utf8')
    if (text.endsWith(FREE)) return true
    const holder = parseIdentity(text)
    const fate = holder === null ? 'foreign' : fateOf(holder)
    if (fate === 'foreign') return Date.now() - (await stat(path)).mtimeMs > UNKNOWN_HOLDER_MS
    return fate === 'dead'
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

async function highest(folder: string): Promise<number> {
  return Math.max(0, ...(await numbers(folder)))
}

async function numbers(folder: string): Promise<number[]> {
  return (await readdir(folder)).map(Number).filter((number) => Number.isInteger(number) && number > 0)
}
