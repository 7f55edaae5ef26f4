/** An SSH agent on a UNIX socket, with keys made by Node.js, for what a real one would do slowly or not at all. */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { listen } from './listen'

export type KeyType = 'ed25519' | 'ecdsa' | 'rsa'

export interface TestKey {
  readonly type: string
  /** The public key as in SSH (RFC 4253 section 6.6). */
  readonly blob: Buffer
  readonly publicKey: KeyObject
  /** The signature without the name of its algorithm. */
  sign(data: Buffer): Buffer
}

export interface TestAgent {
  readonly socket: string
  /** The flags of each signature that was asked for. */
  readonly flags: readonly number[]
  close(): Promise<void>
}

export function createKey(kind: KeyType): TestKey {
  if (kind === 'ed25519') {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const x = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
    const type = 'ssh-ed25519'
    return { type, publicKey, blob: strings(type, x), sign: (data) => sign(null, data, privateKey) }
  }
  if (kind === 'ecdsa') {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
    const point = Buffer.concat([Buffer.of(4), ...[x, y].map((one) => Buffer.from(one, 'base64url'))])
    const type = 'ecdsa-sha2-nistp256'
    return {
      type,
      publicKey,
      blob: strings(type, 'nistp256', point),
      sign(data) {
        const both = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
        return strings(integer(both.subarray(0, 32)), integer(both.subarray(32)))
      },
    }
  }
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { e = '', n = '' } = publicKey.export({ format: 'jwk' })
  const numbers = [e, n].map((one) => integer(Buffer.from(one, 'base64url')))
  return {
    type: 'ssh-rsa',
    publicKey,
    blob: strings('ssh-rsa', ...numbers),
    sign: (data) => sign('sha1', data, privateKey),
  }
}

/**
 * @param respond - the response to a request, instead of that of an agent with the keys
 */
export async function testAgent(
  keys: readonly TestKey[],
  respond?: (request: Buffer) => Buffer,
): Promise<TestAgent> {
  const socket = path.join(fs.mkdtempSync(path.join(process.env.TMPDIR ?? '', 'agent-')), 's')
  const flags: number[] = []
  const server = net.createServer((connection) => {
    connection.on('data', (data) => connection.write(respond ? respond(data) : framed(responseTo(data))))
  })
  const { close } = await listen(server, { path: socket })
  return { socket, flags, close }

  function responseTo(request: Buffer): Buffer {
    if (request[4] === 11) {
      const count = Buffer.alloc(4)
      count.writeUInt32BE(keys.length)
      return Buffer.concat([
        Buffer.of(12),
        count,
        ...keys.map(({ blob }) => strings(blob, '/home/albert/.ssh/id')),
      ])
    }
    const length = request.readUInt32BE(5)
    const blob = request.subarray(9, 9 + length)
    const data = request.subarray(13 + length, -4)
    flags.push(request.readUInt32BE(request.length - 4))
    const key = keys.find((one) => one.blob.equals(blob))
    return key ? Buffer.concat([Buffer.of(14), strings(strings(key.type, key.sign(data)))]) : Buffer.of(5)
  }
}

/** Each with its length (RFC 4251 section 5). */
function strings(...texts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(texts.map((text) => framed(Buffer.from(text as string))))
}

function framed(data: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  return Buffer.concat([length, data])
}

/** An `mpint` without its length: a first bit that is set would make it negative. */
function integer(bytes: Buffer): Buffer {
  let from = 0
  while (from < bytes.length - 1 && bytes[from] === 0) from++
  const short = bytes.subarray(from)
  return (short[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), short]) : short
}
