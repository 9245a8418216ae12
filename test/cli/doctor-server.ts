import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { runChecks } from '../../src/cli/checks/checks.ts'
import type { Finding } from '../../src/cli/checks/finding.ts'
import type { Limits } from '../../src/cli/checks/limits.ts'
import { Database } from '../../src/db/database.ts'
import { type EmbeddedPostgres, type EmbeddedVersion, startEmbedded } from '../../src/embedded/index.ts'
import { migrate } from '../../src/migrate/migrate.ts'
import { openSession, type Session } from '../support/session.ts'

/** A database on a server that doctors may treat as they like, and the login of an app that owns it. */
export interface Patient {
  readonly url: string
  /** Of a superuser. */
  readonly adminUrl: string
  readonly name: string
  /** Runs a statement as the superuser. */
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** Opens a session of the app's that ends with the test. */
  session(url?: string): Promise<Session>
  /** What the doctor finds, in order. */
  diagnose(options?: DiagnoseOptions): Promise<Finding[]>
  /** The same without what is as it should be. */
  complaints(options?: DiagnoseOptions): Promise<Pick<Finding, 'check' | 'status' | 'message' | 'fix'>[]>
}

export interface DiagnoseOptions {
  readonly limits?: Partial<Limits>
  readonly url?: string
  readonly directUrl?: string
  readonly schema?: string
}

/** A server of the test file's own, as careful with data as one in production. */
export interface DoctorServer {
  /** A database with celeriac's schema in it, for one test. */
  patient(): Promise<Patient>
  /** The URL of a superuser. */
  readonly url: string
}

const VERSION = Number(process.env.CELERIAC_TEST_PG ?? '18') as EmbeddedVersion
const CAREFUL = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' }
const PASSWORD = randomBytes(8).toString('hex')

/** The major of the server. */
export const MAJOR = VERSION

export function useDoctorServer(settings: Readonly<Record<string, string>> = {}): DoctorServer {
  let server: EmbeddedPostgres
  beforeAll(async () => {
    server = await startEmbedded({
      ephemeral: true,
      version: VERSION,
      database: 'template_of_doctor',
      settings: { ...CAREFUL, ...settings },
    })
    await ask(server.url, `create role app login password '${PASSWORD}'; grant pg_monitor to app`)
    await ask(server.url, 'alter database template_of_doctor owner to app')
    await migrate({ database: urlTo(server.url, 'template_of_doctor', 'app') })
  })
  afterAll(() => server?.stop())
  return {
    get url() {
      return server.url
    },
    patient: () => admit(server.url),
  }
}

async function admit(serverUrl: string): Promise<Patient> {
  const name = `patient_${randomBytes(4).toString('hex')}`
  const outside = urlTo(serverUrl, 'postgres')
  await ask(outside, `create database ${name} template template_of_doctor owner app strategy file_copy`)
  const adminUrl = urlTo(serverUrl, name)
  const url = urlTo(serverUrl, name, 'app')
  const admin = new pg.Client(adminUrl)
  admin.on('error', () => undefined)
  await admin.connect()
  onTestFinished(async () => {
    await admin.end()
    await ask(outside, `drop database ${name} with (force)`)
  })
  const patient: Patient = {
    url,
    adminUrl,
    name,
    query: async (text, values = []) => (await admin.query(text, [...values])).rows,
    session: async (target = url) => {
      const session = await openSession(target)
      onTestFinished(() => session[Symbol.asyncDispose]())
      return session
    },
    diagnose: (options) => diagnose(url, options),
    complaints: async (options) =>
      (await diagnose(url, options))
        .filter((finding) => finding.status !== 'ok')
        .map(({ check, status, message, fix }) => ({ check, status, message, fix })),
  }
  return patient
}

async function diagnose(
  own: string,
  { limits, url = own, directUrl, schema = 'celeriac' }: DiagnoseOptions = {},
): Promise<Finding[]> {
  const open = (source: string) =>
    new Database({ source, schema, maxConnections: 2, directUrl: directUrl ?? null })
  const database = open(url)
  const direct = directUrl === undefined ? null : open(directUrl)
  const findings: Finding[] = []
  try {
    for await (const finding of runChecks({ input: url, database, direct }, limits)) findings.push(finding)
  } finally {
    await Promise.all([database.close(), direct?.close()])
  }
  return findings
}

/** Runs a fix as it was printed, and expects that the doctor has nothing to say afterwards. */
export async function expectCured(patient: Patient, fix: string | null): Promise<void> {
  // What builds an index concurrently runs alone, outside of transactions.
  for (const statement of (fix ?? '').split('; ')) await patient.query(statement)
  expect(await patient.complaints()).toEqual([])
}

/** The URL of another database on a server, of a superuser or of the app. */
export function urlTo(serverUrl: string, database: string, role?: 'app'): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  if (role !== undefined) {
    url.username = role
    url.password = PASSWORD
  }
  return url.href
}

async function ask(url: string, text: string): Promise<void> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
