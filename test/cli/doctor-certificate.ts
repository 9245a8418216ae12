import { generateKeyPairSync, sign } from 'node:crypto'

/** A certificate that vouches for itself, as PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Makes a certificate for an IPv4 address. */
export function makeCertificate(address: string): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
  const name = sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from('celeriac test')))))
  const year = new Date().getUTCFullYear()
  const validity = sequence(
    der(0x18, Buffer.from(`${year - 1}0101000000Z`)),
    der(0x18, Buffer.from(`${year + 2}0101000000Z`)),
  )
  const ip = der(0x87, Buffer.from(address.split('.').map(Number)))
  const authority = sequence(oid(0x55, 0x1d, 0x13), der(0x04, sequence(der(0x01, Buffer.from([0xff])))))
  const addresses = sequence(oid(0x55, 0x1d, 0x11), der(0x04, sequence(ip)))
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(authority, addresses)),
  )
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey))
  return {
    cert: pem('CERTIFICATE', sequence(body, algorithm, signature)),
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  }
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const oid = (...bytes: readonly number[]): Buffer => der(0x06, Buffer.from(bytes))

function pem(title: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${title}-----`, ...lines, `-----END ${title}-----`, ''].join('\n')
}
