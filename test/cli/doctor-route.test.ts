import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { FakePooler, type PoolMode } from '../support/fake-pooler.ts'
import { until } from '../support/until.ts'
import { makeCertificate } from './doctor-certificate.ts'
import { type Patient, useDoctorServer } from './doctor-server.ts'
import { cli } from './run-cli.ts'

const server = useDoctorServer()

async function pooled(patient: Patient, mode: PoolMode): Promise<string> {
  const fake = new FakePooler({ url: patient.url, mode })
  onTestFinished(() => fake[Symbol.asyncDispose]())
  return fake.start()
}

describe('pooler', () => {
  test('one that lends by session does no harm', async () => {
    const patient = await server.patient()
    const findings = await patient.diagnose({ url: await pooled(patient, 'session') })
    expect(findings.find(({ check }) => check === 'pooler')).toMatchObject({
      status: 'ok',
      message: 'one that lends by session: as good as none',
    })
    expect(findings.find(({ check }) => check === 'notifications')).toMatchObject({ status: 'ok' })
  })

  test('one that lends by transaction is named, and what to do about it', async () => {
    const patient = await server.patient()
    const complaints = await patient.complaints({ url: await pooled(patient, 'transaction') })
    expect(complaints).toMatchObject([
      {
        check: 'pooler',
        status: 'wrong',
        message: expect.stringContaining('lends by transaction'),
        fix: expect.stringContaining('directUrl'),
      },
      { check: 'notifications', status: 'skipped', message: 'sessions do not last: see pooler' },
    ])
  })

  test('is no matter where there is a way past it', async () => {
    const patient = await server.patient()
    const url = await pooled(patient, 'transaction')
    expect(await patient.complaints({ url, directUrl: patient.url })).toEqual([])
  })

  test('is found in the way past it, too', async () => {
    const patient = await server.patient()
    const url = await pooled(patient, 'transaction')
    expect((await patient.complaints({ url, directUrl: url }))[0]).toMatchObject({
      check: 'pooler',
      status: 'wrong',
      message: 'there is one in --direct-url, too',
    })
  })

  test('is passed by a way that leads elsewhere: that is wrong', async () => {
    const [patient, other] = [await server.patient(), await server.patient()]
    const url = await pooled(patient, 'transaction')
    expect((await patient.complaints({ url, directUrl: other.url }))[0]).toMatchObject({
      check: 'pooler',
      status: 'wrong',
      message: `--direct-url leads to database ${other.name}, not to ${patient.name}`,
    })
  })

  test('one that lends by statement is refused', async () => {
    const patient = await server.patient()
    const complaints = await patient.complaints({ url: await pooled(patient, 'statement') })
    expect(complaints[0]).toMatchObject({
      check: 'pooler',
      status: 'wrong',
      message: 'one that lends by statement: no transactions',
    })
  })
})

const ADDRESS = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address

describe.skipIf(ADDRESS === undefined)('encryption', () => {
  const forwarders: Server[] = []
  afterAll(() => {
    for (const forwarder of forwarders) forwarder.close()
  })

  /** The way to the server over the network, though it is on this machine. */
  async function fromOutside(url: string): Promise<URL> {
    const through = new URL(url)
    const to = { host: through.hostname, port: Number(through.port) }
    const forwarder = createServer((socket) => {
      const onward = connect(to)
      socket.pipe(onward).pipe(socket)
      socket.on('error', () => onward.destroy())
      onward.on('error', () => socket.destroy())
    })
    forwarders.push(forwarder)
    await new Promise<void>((resolve) => forwarder.listen(0, ADDRESS, resolve))
    const address = forwarder.address()
    through.host = `${ADDRESS}:${typeof address === 'object' ? address?.port : 0}`
    return through
  }

  test('is missed on a way over the network', async () => {
    const patient = await server.patient()
    const { href } = await fromOutside(patient.url)
    expect(await patient.complaints({ url: href })).toEqual([
      {
        check: 'encryption',
        status: 'note',
        message: 'none: passwords and arguments of jobs cross the network in the clear',
        fix: 'add sslmode=verify-full to the URL',
      },
    ])
  })

  test('is worth little when nobody checks whom it is with, and fine when somebody does', async () => {
    const patient = await server.patient()
    const folder = await mkdtemp(join(tmpdir(), 'celeriac-doctor-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const file = (name: string) => join(folder, name)
    const { cert, key } = makeCertificate(ADDRESS ?? '')
    await writeFile(file('cert.pem'), cert)
    await writeFile(file('key.pem'), key, { mode: 0o600 })
    // The server reads both as its own user, and takes no key that others may read.
    const [row] = await patient.query<{ data: string }>("select current_setting('data_directory') as data")
    const { uid, gid } = await stat(row?.data ?? '')
    for (const path of [folder, file('cert.pem'), file('key.pem')]) await chown(path, uid, gid)
    await patient.query(`alter system set ssl_cert_file = '${file('cert.pem')}'`)
    await patient.query(`alter system set ssl_key_file = '${file('key.pem')}'`)
    await patient.query('alter system set ssl = on')
    await patient.query('select pg_reload_conf()')
    const ssl = async () =>
      (await patient.session()).query("select from pg_settings where name = 'ssl' and setting = 'on'")
    await until(async () => (await ssl()).length === 1, { what: 'TLS' })

    const url = await fromOutside(patient.url)
    url.searchParams.set('sslmode', 'no-verify')
    expect(await patient.complaints({ url: url.href })).toMatchObject([
      { check: 'encryption', status: 'note', message: 'TLS, but nobody checks whom it is with' },
    ])
    url.searchParams.set('sslmode', 'verify-full')
    url.searchParams.set('sslrootcert', file('cert.pem'))
    const findings = await patient.diagnose({ url: url.href })
    expect(findings.filter(({ status }) => status !== 'ok')).toEqual([])
    expect(findings.find(({ check }) => check === 'encryption')).toMatchObject({
      message: 'TLS, certificate verified',
    })
  })
})

describe('clock', () => {
  test.each([
    ['3h behind', -3],
    ['2h ahead of', 2],
  ])('of a machine that is %s the database is noted', async (said, hours) => {
    const patient = await server.patient()
    const shift = `const now = Date.now; Date.now = () => now() + ${hours * 3_600_000}`
    const { exitCode, stdout } = await cli(['doctor'], {
      env: {
        DATABASE_URL: patient.url,
        NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(shift)}`,
      },
    })
    expect(exitCode).toBe(0)
    expect(stdout).toContain(
      `note\tclock\tthis machine is ${said} the database; only the clock of the database counts\t`,
    )
  })
})
