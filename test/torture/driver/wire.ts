/** One message of PostgreSQL's protocol; `type` is empty for the first one of a client, which has none. */
export interface Message {
  readonly type: string
  readonly body: Buffer
}

/** Cuts a stream of bytes into messages. */
export class MessageReader {
  #pending: Buffer = Buffer.alloc(0)
  #first: boolean

  /** @param ofClient - whether the stream begins with a message without a type, as a client's does */
  constructor(ofClient: boolean) {
    this.#first = ofClient
  }

  read(chunk: Buffer): Message[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const messages: Message[] = []
    for (;;) {
      const head = this.#first ? 0 : 1
      if (this.#pending.length < head + 4) return messages
      const end = head + this.#pending.readInt32BE(head)
      if (this.#pending.length < end) return messages
      messages.push({
        type: head === 0 ? '' : String.fromCharCode(this.#pending[0] ?? 0),
        body: this.#pending.subarray(head + 4, end),
      })
      this.#pending = this.#pending.subarray(end)
      this.#first = false
    }
  }
}

/** What a client asks to be run: the name of a prepared statement, or a text; null for any other message. */
export function callIn({ type, body }: Message): string | null {
  switch (type) {
    case 'Q':
    case 'P':
      return body.toString('latin1').replaceAll('\0', ' ')
    case 'B': {
      const portal = body.indexOf(0)
      return body.toString('latin1', portal + 1, body.indexOf(0, portal + 1))
    }
    default:
      return null
  }
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** Ids of whatever a text names. */
export function idsIn(text: string): string[] {
  return [...new Set(text.match(UUID) ?? [])]
}
