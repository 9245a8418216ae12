import type { Command } from 'commander'
import { CeleriacError } from '../../base/errors.ts'
import { type AnyCall, type Call, type Cli, makeCommand } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { withTarget } from '../session.ts'

interface Options {
  readonly print?: boolean
  readonly check?: boolean
  readonly roles?: boolean
  readonly tenants?: boolean
  readonly apply?: boolean
  readonly prefix?: string
}

export function migrateCommand(cli: Cli): Command {
  const text = {
    usage: 'migrate',
    summary: 'install the schema, or update it',
    details: 'Everything is applied in one transaction; any number of processes may do it at once.',
    examples: [
      ['celeriac migrate', 'before the workers of a new version start'],
      ['celeriac migrate --check', 'exits with 4 when something is left to apply; writes nothing'],
      ['celeriac migrate --print > celeriac.sql', 'for Flyway, dbmate, Prisma, Knex or psql -1 -f'],
      ['celeriac migrate --schema jobs', 'under another name'],
      ['celeriac migrate --roles', 'roles for workers, producers and viewers, as SQL for an administrator'],
      ['celeriac migrate --roles --apply', 'makes them; then: grant celeriac_producer to my_app'],
      ['celeriac migrate --tenants', 'policies that show each tenant its own jobs only, as SQL'],
    ],
  } as const
  return makeCommand<Options>(cli, text, async (call) => {
    const { options } = call
    refuseMixtures(options)
    if (options.roles === true) return options.apply === true ? makeRoles(cli, call) : printRoles(cli, call)
    if (options.tenants === true) return printTenants(cli, call)
    if (options.print === true) return printAll(cli, call)
    return options.check === true ? check(cli, call) : install(cli, call)
  })
    .option('--print', 'print the whole installation as plain SQL, without a database')
    .option('--check', 'only say what is left to apply')
    .option('--roles', 'print the roles of the schema and their rights as plain SQL')
    .option('--apply', 'with --roles: make them')
    .option('--prefix <name>', 'with --roles: what their names begin with (default: the name of the schema)')
    .option('--tenants', 'print policies that keep tenants apart, as plain SQL')
}

function refuseMixtures({ print, check, roles, tenants, apply, prefix }: Options): void {
  const chosen = Object.entries({ print, check, roles, tenants }).flatMap(([name, given]) =>
    given === true ? [`--${name}`] : [],
  )
  const problem =
    chosen.length > 1
      ? `give one of ${chosen.join(' and ')}`
      : apply === true && roles !== true
        ? '--apply goes with --roles'
        : prefix !== undefined && roles !== true && tenants !== true
          ? '--prefix goes with --roles or --tenants'
          : null
  if (problem !== null) throw new CeleriacError('CLI_USAGE', { problem })
}

async function install(cli: Cli, call: Call<Options>): Promise<number> {
  const { output } = call
  const schema = schemaOf(call)
  const { migrate } = await import('../../migrate/migrate.ts')
  const { applied } = await withTarget(cli, call, (database) => migrate({ database, schema }))
  if (output.json) output.document({ schema, applied })
  for (const name of output.json ? [] : applied) output.line(name)
  const verdict = applied.length === 0 ? 'was up to date' : `is up to date, ${applied.length} applied`
  output.note(`schema "${schema}" ${verdict}`)
  return EXIT.done
}

async function check(cli: Cli, call: Call<Options>): Promise<number> {
  const { output } = call
  const schema = schemaOf(call)
  const { pendingMigrations } = await import('../../migrate/migrate.ts')
  const pending = await withTarget(cli, call, (database) => pendingMigrations({ database, schema }))
  if (output.json) output.document({ schema, pending })
  for (const name of output.json ? [] : pending) output.line(name)
  const verdict = pending.length === 0 ? 'is up to date' : `needs ${pending.length} of these applied`
  output.note(`schema "${schema}" ${verdict}`)
  if (pending.length > 0) output.note(`try: celeriac migrate`)
  return pending.length === 0 ? EXIT.done : EXIT.schema
}

async function makeRoles(cli: Cli, call: Call<Options>): Promise<number> {
  const { options, output } = call
  const schema = schemaOf(call)
  const { applyRoles } = await import('../../migrate/roles.ts')
  const { prefix } = options
  const report = await withTarget(cli, call, (database) =>
    applyRoles({ database, schema, ...(prefix !== undefined && { prefix }) }),
  )
  if (output.json) output.document(report)
  for (const name of output.json ? [] : report.roles) output.line(name)
  output.note(`schema "${schema}" has its roles; grant one to each login: grant ${report.roles[2]} to my_app`)
  if (!report.granted)
    output.note(`nothing is installed yet; as a member of ${report.roles[0]} run: celeriac migrate`)
  return EXIT.done
}

async function printRoles(cli: Cli, call: Call<Options>): Promise<number> {
  const roles = await import('../../migrate/roles.ts')
  return write(cli, call, roles.printRoles(schemaOf(call), call.options.prefix))
}

async function printTenants(cli: Cli, call: Call<Options>): Promise<number> {
  const roles = await import('../../migrate/roles.ts')
  return write(cli, call, roles.printTenants(schemaOf(call), call.options.prefix))
}

async function printAll(cli: Cli, call: Call<Options>): Promise<number> {
  const { printSql } = await import('../../migrate/migrate.ts')
  return write(cli, call, printSql(schemaOf(call)))
}

function write(cli: Cli, call: Call<Options>, sql: string): number {
  if (call.output.json) call.output.document({ schema: schemaOf(call), sql })
  else cli.terminal.stdout.write(sql)
  return EXIT.done
}

const schemaOf = ({ options }: AnyCall): string => options.schema ?? 'celeriac'
