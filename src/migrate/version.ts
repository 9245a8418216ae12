/**
 * Version of the SQL this code was written for; `celeriac.schema_version()` says which one is installed.
 * Raise it (and the number in `sql/functions/base/schema_version.sql`) with every change this code depends on.
 */
export const SCHEMA_VERSION = 4
