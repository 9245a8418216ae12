import { describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { VERSION } from '../../src/base/version.ts'
import { filesOf, pathsOf, placeOf, read, type Source } from './sources.ts'

const BINARY = /\.(png|jpe?g|webp|gif|ico|mp3|flac|ogg|opus|wav)$/
const LAW = 'test/laws/machine-free.test.ts'

describe('the repository is of no machine', () => {
  const texts = filesOf('').filter(({ path }) => !BINARY.test(path) && path !== LAW)

  test('no file names a folder of somebody', () => {
    const folders =
      /(?<![\w.~:/-])\/(?:home|Users|root|work|mnt|media|workspaces?)\/[\w.-]+|\b[A-Z]:\\Users\\/g
    expect(placesIn(texts, folders)).toEqual([])
  })

  test('no file takes a URL for a path: a space would be %20', () => {
    expect(
      placesIn(texts, /import\.meta\.url\)\.pathname/g),
      'use fileURLToPath, or import.meta.dirname',
    ).toEqual([])
  })

  test('no file names a registry, so that everybody may use their own', () => {
    const registries = /registry\.(npmjs|yarnpkg)\.\w+|^(@\w+:)?registry\s*=|_authToken|npm\.pkg\.github/gm
    expect(placesIn(texts, registries)).toEqual([])
    const locks = texts.filter(({ path }) => path.endsWith('package-lock.json'))
    expect(locks.length).toBeGreaterThan(0)
    expect(placesIn(locks, /"resolved": "(http|file:|git)/g), 'keep .npmrc beside the lock file').toEqual([])
  })

  test('the lock file agrees with the manifest', () => {
    const lock = JSON.parse(read('package-lock.json')) as {
      version: string
      packages: Record<string, { dependencies?: object; devDependencies?: object }>
    }
    expect(lock.version).toBe(manifest.version)
    expect(lock.packages['']?.dependencies).toEqual(manifest.dependencies)
    expect(lock.packages['']?.devDependencies).toEqual(manifest.devDependencies)
  })

  test('every version is pinned', () => {
    const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    const loose = all.filter(([, version]) => !/^(npm:[\w@/-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    expect(loose, 'install with npm i -E').toEqual([])
  })

  test('the version is the same wherever it stands', () => {
    expect(VERSION).toBe(manifest.version)
    expect(read('CHANGELOG.md')).toContain(`## [${manifest.version}]`)
  })

  test('what is ignored is not there', () => {
    expect(pathsOf('').filter((path) => /(^|\/)(\.env(\..*)?|\.DS_Store|.*\.log)$/.test(path))).toEqual([])
  })
})

function placesIn(sources: readonly Source[], pattern: RegExp): string[] {
  return sources.flatMap((source) =>
    [...source.text.matchAll(pattern)].map((match) => `${placeOf(source, match.index)} ${match[0]}`),
  )
}
