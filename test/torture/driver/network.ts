import { execFileSync } from 'node:child_process'
import type { TortureServer } from './server.ts'
import type { Surroundings } from './surroundings.ts'
import { Unavailable } from './unavailable.ts'

/** Two addresses for each worker out of a range that nobody routes. */
const RANGE = '10.77'

/**
 * A network for each worker: a namespace with one cable to the server. Pulling it is a partition as in life: nobody
 * is told, and what was under way is sent again once the cable is back.
 *
 * @throws {Unavailable} where namespaces may not be made; that takes root and Linux.
 */
export async function networksOfTheirOwn(server: TortureServer): Promise<Surroundings> {
  const made = new Map<string, string>()
  const prefix = `celeriac-${process.pid}`
  const removeAll = (): void => {
    for (const space of made.values()) tryIp('netns', 'del', space)
    made.clear()
  }
  assertPossible(`${prefix}-0`)
  process.once('exit', removeAll)
  await server.reconfigure({ listen_addresses: '*' }, [`host all all ${RANGE}.0.0/16 scram-sha-256`])
  return {
    wrap: (name) => {
      const number = made.size + 1
      const space = `${prefix}-${number}`
      const [ours, theirs, subnet] = [
        `cel${process.pid % 10_000}h${number}`,
        `cel${process.pid % 10_000}w${number}`,
        number,
      ]
      made.set(name, space)
      ip('netns', 'add', space)
      ip('link', 'add', ours, 'type', 'veth', 'peer', 'name', theirs, 'netns', space)
      ip('addr', 'add', `${RANGE}.${subnet}.1/30`, 'dev', ours)
      ip('link', 'set', ours, 'up')
      ip('-n', space, 'addr', 'add', `${RANGE}.${subnet}.2/30`, 'dev', theirs)
      ip('-n', space, 'link', 'set', theirs, 'up')
      ip('-n', space, 'link', 'set', 'lo', 'up')
      return { command: ['ip', 'netns', 'exec', space], env: {}, host: `${RANGE}.${subnet}.1` }
    },
    plug: (name, plugged) => {
      const number = made.get(name)?.split('-').at(-1)
      tryIp('link', 'set', `cel${process.pid % 10_000}h${number}`, plugged ? 'up' : 'down')
    },
    [Symbol.asyncDispose]: async () => {
      process.off('exit', removeAll)
      removeAll()
      await server.reconfigure({}, [])
    },
  }
}

function assertPossible(space: string): void {
  try {
    ip('netns', 'add', space)
    ip('netns', 'del', space)
  } catch (error) {
    throw new Unavailable(
      `network namespaces cannot be made here: ${error instanceof Error ? error.message.split('\n')[0] : error}`,
    )
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}

function tryIp(...args: readonly string[]): void {
  try {
    ip(...args)
  } catch {
    // Gone with its process, or never made.
  }
}
