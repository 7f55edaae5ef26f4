/**
 * A program that has a refresh token in a store and wants an access token, run several times at once. It is told of its
 * provider on stdin, waits until it is told to go, and prints what it got.
 */
import fs from 'node:fs/promises'
import path from 'node:path'
import readline from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { refreshToken } from 'axios-igwn-auth/oauth2'

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const { client, folder, first } = JSON.parse((await lines.next()).value)

/** A store of files, with a lock that is a folder: who makes it has it. */
const fileOf = (key) => path.join(folder, encodeURIComponent(key))
const store = {
  get: async (key) => {
    const text = await fs.readFile(fileOf(key), 'utf8').catch(() => undefined)
    return text && JSON.parse(text)
  },
  set: async (key, token) => {
    const file = fileOf(key)
    await fs.writeFile(`${file}.${process.pid}`, JSON.stringify(token), { mode: 0o600 })
    await fs.rename(`${file}.${process.pid}`, file)
  },
  delete: (key) => fs.rm(fileOf(key), { force: true }),
  async lock(key, work) {
    const lock = `${fileOf(key)}.lock`
    for (;;) {
      const isMine = await fs.mkdir(lock).then(
        () => true,
        () => false,
      )
      if (isMine) break
      await wait(10)
    }
    try {
      return await work()
    } finally {
      await fs.rmdir(lock)
    }
  },
}

const source = refreshToken(client, { refreshToken: first, store, storeKey: 'albert' })
console.log('ready')
await lines.next()
const answer = await source.getTokenResponse().then(
  ({ access_token: token }) => ({ token }),
  ({ code, message }) => ({ code, message }),
)
console.log(JSON.stringify(answer))
process.exit(0)
