import { describe, expect, test } from 'vitest'
import { listCloud } from '../../../src/cli/demo/cloud.ts'
import { asMessage, sendMail } from '../../../src/cli/demo/mail.ts'
import { useFolder } from './folder.ts'

const cloud = useFolder()
const MAIL = { to: 'you@example.org', subject: 'hello', lines: ['one', 'two'] }

describe('sendMail', () => {
  test('sends a letter once, however many ask', async () => {
    const deliveries = await Promise.all(Array.from({ length: 10 }, () => sendMail(cloud.path, 'key', MAIL)))
    expect(deliveries.filter(({ sent }) => sent)).toHaveLength(1)
    expect((await listCloud(cloud.path)).map(({ key }) => key)).toEqual(['outbox/key.eml'])
  })
})

describe('asMessage', () => {
  test('writes a message that mail programs read', () => {
    expect(asMessage('key', MAIL).split('\r\n')).toEqual([
      expect.stringMatching(/^From: celeriac demo </),
      'To: you@example.org',
      'Subject: hello',
      expect.stringMatching(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000$/),
      'Message-ID: <key@example.org>',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 8bit',
      '',
      'one',
      'two',
      '',
    ])
  })

  test('encodes a subject that is not ASCII, and lets none begin a header', () => {
    const message = asMessage('key', { ...MAIL, subject: 'Für Élise – von Ludwig\r\nBcc: all@example.org' })
    expect(message).not.toMatch(/^Bcc/m)
    const [, encoded = ''] = /Subject: ([\s\S]*?)\r\nDate/.exec(message) ?? []
    const words = [...encoded.matchAll(/=\?utf-8\?B\?(.*?)\?=/g)]
    expect(words.every(([word]) => word.length <= 75)).toBe(true)
    expect(words.map(([, text = '']) => Buffer.from(text, 'base64').toString()).join('')).toBe(
      'Für Élise – von Ludwig Bcc: all@example.org',
    )
  })
})
