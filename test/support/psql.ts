/*
 * Stands in for psql where it is not installed, as far as README uses it: psql <url> -c <statement>.
 */
import pg from 'pg'

const [url, flag, statement] = process.argv.slice(2)
if (url === undefined || flag !== '-c' || statement === undefined)
  throw new Error('usage: psql <url> -c <statement>')
const client = new pg.Client(url)
await client.connect()
try {
  console.table((await client.query(statement)).rows)
} finally {
  await client.end()
}
