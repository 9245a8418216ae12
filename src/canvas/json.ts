import { type Codec, encodeArgs } from '../base/json.ts'
import type { CommonData, GroupMembers, SignatureData, SignatureOptions } from './data.ts'

/** A signature as plain JSON. */
export type SignatureJson = Readonly<Record<string, unknown>>

/**
 * Writes a signature as plain JSON, which `dataFromJson` reads back.
 *
 * @throws {CeleriacError} `JSON_…` naming what cannot be written, `CODEC_FAILED`
 */
export function dataToJson(data: SignatureData, codec: Codec | undefined): SignatureJson {
  const write = (one: SignatureData): SignatureJson => dataToJson(one, codec)
  return { kind: data.kind, ...contentsOf(data, codec, write), ...commonOf(data, codec, write) }
}

type Write = (data: SignatureData) => SignatureJson

function contentsOf(data: SignatureData, codec: Codec | undefined, write: Write): SignatureJson {
  switch (data.kind) {
    case 'task':
      return {
        task: data.task,
        args: encoded(data.args, data.task, codec),
        ...(data.immutable && { immutable: true }),
      }
    case 'map':
      return {
        task: data.task,
        items: encoded(data.items, data.task, codec),
        spread: data.spread,
        ...(data.allowFailures && { allowFailures: true }),
      }
    case 'chain':
      return { steps: data.steps.map(write) }
    case 'group':
      return {
        members: membersToJson(data.members, write),
        ...(data.allowFailures && { allowFailures: true }),
      }
    case 'chord':
      return { header: write(data.header), body: write(data.body) }
  }
}

function commonOf(data: CommonData, codec: Codec | undefined, write: Write): SignatureJson {
  const { options, links, errbacks, optional } = data
  return {
    ...(options !== undefined && { options: optionsToJson(options) }),
    ...(links !== undefined && { links: links.map(write) }),
    ...(errbacks !== undefined && { errbacks: errbacks.map(write) }),
    ...(optional !== undefined && { optional: { value: encoded([optional.value], 'optional', codec)[0] } }),
  }
}

function membersToJson(members: GroupMembers, write: Write): readonly SignatureJson[] | SignatureJson {
  if (isList(members)) return members.map(write)
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, write(member)]))
}

/** Instants become text, as they would anyway; `dataFromJson` knows which fields they are. */
function optionsToJson(options: SignatureOptions): SignatureJson {
  return JSON.parse(JSON.stringify(options))
}

function encoded(values: readonly unknown[], task: string, codec: Codec | undefined): readonly unknown[] {
  return JSON.parse(encodeArgs(values, { task, maxBytes: Number.POSITIVE_INFINITY, codec }))
}

/** Whether members come in an order, rather than by name. */
export function isList(members: GroupMembers): members is readonly SignatureData[] {
  return Array.isArray(members)
}
