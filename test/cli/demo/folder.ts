import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

/** A folder of its own for the test file it is called in. */
export function useFolder(): { readonly path: string } {
  let path = ''
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'celeriac-demo-'))
  })
  afterAll(() => rm(path, { recursive: true, force: true }))
  return {
    get path() {
      return path
    },
  }
}
