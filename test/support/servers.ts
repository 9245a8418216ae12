import { type EmbeddedVersion, startEmbedded } from '../../src/embedded/index.ts'

/** A PostgreSQL for one test run. */
export interface TestServer {
  /** Of a role that may create databases. */
  readonly url: string
  /** Where it comes from: `embedded`, `docker`, `given`. */
  readonly source: string
  stop(): Promise<unknown>
}

/**
 * Starts the server that the environment asks for.
 *
 * `CELERIAC_TEST_DB` is `embedded` (default), `docker` or a URL; `CELERIAC_TEST_PG` is the major, 15 to 18 (default).
 */
export async function startServer(env: NodeJS.ProcessEnv = process.env): Promise<TestServer> {
  const wanted = env.CELERIAC_TEST_DB ?? 'embedded'
  const version = majorOf(env.CELERIAC_TEST_PG ?? '18')
  if (wanted === 'embedded') return startEmbeddedServer(version)
  if (wanted === 'docker') return startDockerServer(version)
  if (/^postgres(ql)?:\/\//.test(wanted)) return { url: wanted, source: 'given', stop: async () => undefined }
  throw new Error(`CELERIAC_TEST_DB is "${wanted}"; it must be embedded, docker or a postgresql:// URL`)
}

async function startEmbeddedServer(version: EmbeddedVersion): Promise<TestServer> {
  const server = await startEmbedded({ ephemeral: true, version, database: 'postgres' })
  return { url: server.url, source: 'embedded', stop: () => server.stop() }
}

async function startDockerServer(version: EmbeddedVersion): Promise<TestServer> {
  const { GenericContainer, Wait } = await import('testcontainers')
  try {
    const container = await new GenericContainer(`postgres:${version}`)
      .withEnvironment({ POSTGRES_PASSWORD: 'celeriac' })
      .withExposedPorts(5432)
      .withCommand([
        'postgres',
        '-c',
        'fsync=off',
        '-c',
        'synchronous_commit=off',
        '-c',
        'max_connections=200',
      ])
      // The image starts the server twice: once to prepare it, once for good.
      .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
      .start()
    const url = `postgresql://postgres:celeriac@${container.getHost()}:${container.getMappedPort(5432)}/postgres`
    return { url, source: 'docker', stop: () => container.stop() }
  } catch (cause) {
    const remedy = 'start one, or run the tests with CELERIAC_TEST_DB=embedded'
    throw new Error(
      `CELERIAC_TEST_DB=docker, but no container engine answers; ${remedy} (${String(cause)})`,
      { cause },
    )
  }
}

function majorOf(text: string): EmbeddedVersion {
  const found = ([15, 16, 17, 18] as const).find((version) => String(version) === text)
  if (found === undefined) throw new Error(`CELERIAC_TEST_PG is "${text}"; it must be 15, 16, 17 or 18`)
  return found
}
