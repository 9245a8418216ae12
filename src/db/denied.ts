/** What a role may not do, so that it can follow "may not", and what to do about it. */
export interface Denied {
  readonly action: string
  readonly remedy: string
}

/** The verb behind a function, and the least role that may; every other function is a worker's. */
const VERBS: Readonly<Record<string, readonly [action: string, role: string]>> = {
  enqueue: ['enqueue', 'producer'],
  enqueue_jobs: ['enqueue', 'producer'],
  find_outcomes: ['read results', 'viewer_data'],
  find_detail: ['read what jobs carry', 'viewer_data'],
  register_listener: ['wait for results', 'viewer_data'],
  cancel: ['cancel jobs', 'producer'],
  cancel_jobs: ['cancel jobs', 'producer'],
  kill: ['kill jobs', 'operator'],
  kill_jobs: ['kill jobs', 'operator'],
  retry_jobs: ['retry jobs', 'operator'],
  forget_jobs: ['forget jobs', 'operator'],
  find_unknown_tasks: ['look for unserved jobs', 'viewer'],
  channel: ['listen', 'producer'],
  clock: ['read the clock', 'viewer'],
  schema_version: ['ask for the version', 'viewer'],
  role_prefix: ['ask for roles', 'viewer'],
}

/**
 * Reads what PostgreSQL has refused with 42501, and names the role to grant.
 *
 * A schema whose roles do not exist, or have names of their own, is told by `celeriac migrate --roles`.
 */
export function denied(error: Error, schema: string): Denied {
  const [, kind = '', name = ''] = /^permission denied for (\w+) (\S+)$/.exec(error.message) ?? []
  const grant = (...suffixes: string[]): string =>
    `grant ${suffixes.map((suffix) => `${schema}_${suffix}`).join(' or ')} to it (celeriac migrate --roles)`
  if (kind === 'function') {
    const [action, role] = VERBS[name] ?? [`call ${name}`, 'worker']
    return { action, remedy: grant(role) }
  }
  if (kind === 'view') return { action: `read all of ${name}`, remedy: grant('viewer', 'viewer_data') }
  if (kind === 'table') return { action: `use table ${name}`, remedy: grant('worker') }
  if (kind === 'schema')
    return { action: `use schema ${name}`, remedy: grant('producer', 'worker', 'viewer') }
  if (/row-level security/.test(error.message)) {
    return {
      action: 'write a job of this tenant',
      remedy: 'give the job the label "tenant" of the tenant that the role belongs to',
    }
  }
  const action = kind === '' ? `do this: ${error.message}` : `use ${kind} ${name}`
  return { action, remedy: `grant it the rights on schema "${schema}"` }
}
