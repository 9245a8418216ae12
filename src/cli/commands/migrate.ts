import type { Command } from 'commander'
import { type Cli, makeCommand } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { withTarget } from '../session.ts'

interface Options {
  readonly print?: boolean
  readonly check?: boolean
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
    ],
  } as const
  return makeCommand<Options>(cli, text, async (call) => {
    const { options, output } = call
    const { schema = 'celeriac' } = options
    if (options.print === true) {
      const { printSql } = await import('../../migrate/migrate.ts')
      const sql = printSql(schema)
      if (output.json) output.document({ schema, sql })
      else cli.terminal.stdout.write(sql)
      return EXIT.done
    }
    return withTarget(cli, call, async (database) => {
      const { migrate, pendingMigrations } = await import('../../migrate/migrate.ts')
      if (options.check === true) {
        const pending = await pendingMigrations({ database, schema })
        if (output.json) output.document({ schema, pending })
        for (const name of output.json ? [] : pending) output.line(name)
        const verdict = pending.length === 0 ? 'is up to date' : `needs ${pending.length} of these applied`
        output.note(`schema "${schema}" ${verdict}`)
        if (pending.length > 0) output.note(`try: celeriac migrate`)
        return pending.length === 0 ? EXIT.done : EXIT.schema
      }
      const { applied } = await migrate({ database, schema })
      if (output.json) output.document({ schema, applied })
      for (const name of output.json ? [] : applied) output.line(name)
      const verdict = applied.length === 0 ? 'was up to date' : `is up to date, ${applied.length} applied`
      output.note(`schema "${schema}" ${verdict}`)
      return EXIT.done
    })
  })
    .option('--print', 'print the whole installation as plain SQL, without a database')
    .option('--check', 'only say what is left to apply')
}
