import { createFile } from './cloud.ts'

/** A letter to somebody who uploads music. */
export interface Mail {
  readonly to: string
  readonly subject: string
  readonly lines: readonly string[]
}

/** What became of a letter. */
export interface Delivery {
  /** Where it lies in the cloud. */
  readonly key: string
  /** False when the same letter was sent before. */
  readonly sent: boolean
}

const FROM = 'celeriac demo <demo@example.org>'

/**
 * Sends a letter once, however often it is asked to: by putting it into the folder `outbox`.
 *
 * @param idempotencyKey - two letters with the same one are the same letter
 */
export async function sendMail(cloud: string, idempotencyKey: string, mail: Mail): Promise<Delivery> {
  const key = `outbox/${idempotencyKey}.eml`
  return { key, sent: await createFile(cloud, key, asMessage(idempotencyKey, mail)) }
}

/**
 * The letter as mail programs read it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5322 and RFC 2047 for what is not ASCII in the subject
 */
export function asMessage(id: string, { to, subject, lines }: Mail): string {
  const head = [
    `From: ${FROM}`,
    `To: ${to}`,
    `Subject: ${headerText(subject)}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${id}@example.org>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
  ]
  return [...head, '', ...lines, ''].join('\r\n')
}

/** An encoded word holds 75 characters: so many bytes, and a long subject is several of them. */
const WORD_BYTES = 45

function headerText(text: string): string {
  const oneLine = text.replace(/[\p{Control}\u2028\u2029]+/gu, ' ')
  if (Buffer.byteLength(oneLine) === oneLine.length) return oneLine
  const words = ['']
  for (const character of oneLine) {
    const longer = `${words.at(-1)}${character}`
    if (Buffer.byteLength(longer) > WORD_BYTES) words.push(character)
    else words[words.length - 1] = longer
  }
  return words.map((word) => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`).join('\r\n ')
}
