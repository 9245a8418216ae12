import { Celeriac } from '../../src/index.ts'

/** For `celeriac worker --app` with a schema of the test's own. */
export const app = new Celeriac({
  database: process.env.DATABASE_URL ?? '',
  schema: process.env.TEST_SCHEMA ?? '',
  log: 'silent',
})

app.task('add', (left: number, right: number) => left + right)
