/** package.json: the addresses of the project are set from one placeholder. */
import fs from 'node:fs'
import path from 'node:path'

interface Manifest {
  readonly homepage: string
  readonly bugs: string
  readonly repository: { readonly type: string; readonly url: string }
  readonly publishConfig: { readonly provenance?: boolean }
}

const file = path.join(__dirname, '../package.json')
const { homepage, bugs, repository, publishConfig } = JSON.parse(fs.readFileSync(file, 'utf8')) as Manifest
const PLACEHOLDER = 'OWNER'

it('has one address for repository, homepage and bugs', () => {
  const address = /^git\+(https:\/\/github\.com\/[\w.-]+\/axios-igwn-auth)\.git$/.exec(repository.url)?.[1]
  expect(address).toBeDefined()
  expect([homepage, bugs]).toEqual([`${address}#readme`, `${address}/issues`])
})

it('has provenance only with a repository', () => {
  const isFilled = !repository.url.includes(`/${PLACEHOLDER}/`)
  if (!isFilled)
    console.warn(
      `Replace ${PLACEHOLDER} in package.json, and set publishConfig.provenance, before you publish.`,
    )
  expect(publishConfig.provenance ?? false).toBe(isFilled)
})
