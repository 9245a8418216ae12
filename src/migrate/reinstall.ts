/**
 * The statement after which `migrate` installs functions and views again, also where it believes that they are there.
 *
 * @param names - of the files, as the ledger has them
 */
export function forgetSql(schema: string, names: readonly string[]): string {
  const place = schema === 'celeriac' ? schema : `"${schema}"`
  const list = names.map((name) => `'${name.replaceAll("'", "''")}'`).join(', ')
  return `delete from ${place}.migrations where name in (${list})`
}
