import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { until } from '../support/until.ts'
import { startCli } from './run-cli.ts'

describe('a reader that leaves', () => {
  test('ends the demo in order: the server it started does not stay behind', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'celeriac-pipe-'))
    onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
    const demo = startCli(['demo'], { cwd })
    const pid = join(cwd, '.celeriac', 'pg18', 'data', 'postmaster.pid')
    await until(() => demo.stdout().includes('workers'), {
      what: 'the demo to have started',
      timeoutMs: 60_000,
    })
    demo.child.stdout?.destroy()
    expect(await demo.ended).toMatchObject({ exitCode: 0, stderr: '' })
    expect(existsSync(pid)).toBe(false)
  }, 90_000)
})
