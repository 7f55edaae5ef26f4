/**
 * A program that has a refresh token in a store and needs an access token; several run at once. It reads its provider from
 * stdin, waits for the next line, and prints the result.
 */
import fs from 'node:fs/promises'
import path from 'node:path'
import readline from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { refreshToken } from 'axios-igwn-auth/oauth2'

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const { client, folder, first } = JSON.parse((await lines.next()).value)

/** A store of files, whose lock is a folder: the process that creates it holds the lock. */
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
