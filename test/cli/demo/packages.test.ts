import { describe, expect, test } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }
import { DEMO_PACKAGES, requireDemoPackages } from '../../../src/cli/demo/packages.ts'

describe('requireDemoPackages', () => {
  test('is content where they are installed', async () => {
    await expect(requireDemoPackages()).resolves.toBeUndefined()
  })

  test('says in one line what to install', async () => {
    const cause = new TypeError('not here')
    const load = async (name: string) => {
      if (name === 'sharp' || name === 'mpg123-decoder') throw cause
    }
    await expect(requireDemoPackages(load)).rejects.toMatchObject({
      code: 'DEMO_PACKAGES',
      message: expect.stringMatching(/run: npm install --save-dev sharp mpg123-decoder$/),
      cause,
    })
  })

  test('asks for nothing that comes with the library', () => {
    expect(Object.keys(manifest.dependencies)).not.toEqual(expect.arrayContaining([...DEMO_PACKAGES]))
    expect(Object.keys(manifest.devDependencies)).toEqual(expect.arrayContaining([...DEMO_PACKAGES]))
  })
})
