/** The tokens of a job: what each credential monitor of HTCondor writes, and when it writes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { explain, findSciToken, type SciToken, type TokenQuery } from '../support/all'
import { CREDENTIAL_MONITORS, DENIED, writeUseFile } from '../support/credential-monitors'
import { emptyPlaces, mint, now, ours, put, putCondorCreds, runtimeFile } from '../support/tokens'

let folder: string
beforeEach(() => {
  emptyPlaces()
  // Files of the access point, which a job in the local universe sees too, and a file that is being written.
  folder = putCondorCreds({
    'igwn.top': '{"refresh_token":"r"}',
    'igwn.meta': '{}',
    CREDMON_COMPLETE: '',
    tmpx1: 'ey',
  })
})

const find = async (query?: TokenQuery) => (await findSciToken(query)).source

describe.each(Object.entries(CREDENTIAL_MONITORS))('a token of the credential monitor %s', (_, content) => {
  it('is found, and by the name of its service and handle', async () => {
    writeUseFile(folder, 'igwn.use', content(mint({ scope: 'gracedb.read' })))
    const token = mint({ scope: 'read:/frames' })
    writeUseFile(folder, 'igwn_frames_o4.use', content(token))
    const found = await findSciToken({ scope: 'read:/frames' })
    expect([found.serialize(), found.source]).toEqual([token, `${folder}/igwn_frames_o4.use (_CONDOR_CREDS)`])
    expect(await find()).toBe(`${folder}/igwn.use (_CONDOR_CREDS)`)
    // As in `igwn.frames.o4+osdf:///path`.
    const object = { scope: [], issuer: [], audience: [], tokenName: 'igwn.frames.o4' }
    expect(await find({ object })).toBe(`${folder}/igwn_frames_o4.use (_CONDOR_CREDS)`)
  })

  it('is used by the next search when it has been renewed', async () => {
    writeUseFile(folder, 'igwn.use', content(mint({ exp: now() + 30 })))
    await expect(findSciToken()).rejects.toThrow(
      /expires in \d+ seconds, less than the required 60 seconds\. .* Wait: HTCondor/,
    )
    const token = mint()
    writeUseFile(folder, 'igwn.use', content(token))
    expect((await findSciToken()).serialize()).toBe(token)
  })

  it('that is late is an error, and explained: no command in the job renews it', async () => {
    writeUseFile(folder, 'igwn.use', content(mint({ exp: now() - 600 })))
    const advice =
      'HTCondor renews the token, and the job gets it within 5 minutes; if it stays expired, ask the operator of the access point'
    await expect(findSciToken()).rejects.toThrow(
      ours(
        'ERR_IGWN_TOKEN_NOT_FOUND',
        expect.stringMatching(/igwn\.use \(_CONDOR_CREDS\) expired .* ago\. /) as never,
      ),
    )
    await expect(findSciToken()).rejects.toThrow(`Wait: ${advice}.`)
    const { fixes } = await explain('https://x.example.org/', { cert: false, netrc: false })
    expect(fixes).toEqual([`wait: ${advice}`])
  })
})

it('a token that the access point denied is an error, and explained', async () => {
  writeUseFile(folder, 'igwn.use', DENIED)
  const advice = 'sk the operator of the access point, or check the credential that the submit file requests'
  await expect(findSciToken()).rejects.toThrow(
    `igwn.use (_CONDOR_CREDS) has an empty access_token: the access point denied this token. `,
  )
  await expect(findSciToken()).rejects.toThrow(`A${advice}.`)
  const { fixes } = await explain('https://x.example.org/', { cert: false, netrc: false })
  expect(fixes).toEqual([`a${advice}`])
  // Another token is used, if there is one.
  put(runtimeFile(), mint())
  expect(await find()).toBe(runtimeFile())
})

/** Replaces the files of a job until its standard input ends, by rename; prints a line when each was replaced once. */
const WRITER = `
  const fs = require('node:fs')
  const [folder, ...contents] = process.argv.slice(1)
  let at = 0, isOver = false
  process.stdin.resume().once('end', () => { isOver = true })
  const renew = () => {
    for (const name of ['a.use', 'igwn_frames.use']) {
      fs.writeFileSync(folder + '/tmpw', contents[at % contents.length], { mode: 0o600 })
      fs.renameSync(folder + '/tmpw', folder + '/' + name)
    }
    if ((at += 1) === contents.length) console.log('ready')
    // A pause, so that no reader finds another file in each of its five tries.
    if (!isOver) setTimeout(renew, 1)
  }
  renew()`

it('is always read whole while another process renews it by renames in a loop', async () => {
  // Of different lengths: a mixture of two would show.
  const tokens = [mint({ jti: 'a' }), mint({ jti: 'b'.repeat(20_000) }), mint({ jti: 'c'.repeat(3000) })]
  const { 'LOCAL, as JSON': json, 'LOCAL, as text': text, PELICAN: ofPelican } = CREDENTIAL_MONITORS
  const contents = tokens.map((token, index) => [json, text, ofPelican][index]!(token))
  const writer = spawn(process.execPath, ['-e', WRITER, folder, ...contents], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const ended = once(writer, 'exit')
    await Promise.race([once(writer.stdout, 'data'), ended])
    const seen = new Set<string>()
    for (let count = 0; count < 3000 && (count < 100 || seen.size < tokens.length); count++) {
      const found: SciToken = await findSciToken()
      // Files come by name: a skipped one would show in the source.
      expect(found.source).toBe(`${folder}/a.use (_CONDOR_CREDS)`)
      seen.add(found.serialize())
    }
    expect([...seen].sort()).toEqual([...tokens].sort())
    writer.stdin.end()
    expect(await ended).toEqual([0, null])
  } finally {
    writer.kill('SIGKILL')
  }
  expect(fs.existsSync(path.join(folder, 'a.use'))).toBe(true)
}, 60_000)
