import { execFileSync } from 'node:child_process'
import { fileFix } from '../../lib/files/describe-file'
import { shellWord } from '../../lib/secrets/sanitize'

it('commands that fix a file quote its path for a shell', () => {
  const path = "/home/a b/it's $HOME"
  expect(fileFix({ code: 'open-permissions', path })).toBe(`chmod 600 '/home/a b/it'\\''s $HOME'`)
  expect(fileFix({ code: 'empty', path })).toBe(`rm '/home/a b/it'\\''s $HOME'`)
  expect(fileFix({ code: 'open-permissions', path: '/home/a/.netrc' })).toBe('chmod 600 /home/a/.netrc')
})

it.each([
  '/tmp/x509up_u1000',
  '/tmp/a b',
  "/tmp/it's",
  '/tmp/$(id);`id` &|<>*?[a]{b,c}!~#"\\',
  './-rf',
  'C:\\Users\\me\\token',
])('a shell reads %s as one word', (path) => {
  expect(execFileSync('sh', ['-c', `printf %s ${shellWord(path)}`], { encoding: 'utf8' })).toBe(path)
})

it('a path that begins with a hyphen is no option', () => {
  expect(shellWord('-rf')).toBe('./-rf')
})

it.each([
  ['unreadable', undefined, 'make /a readable for this user'],
  ['unreadable', 'NETRC', 'make /a readable for this user, or unset NETRC'],
  ['foreign-owner', undefined, 'name a file of your own in a variable; /a is owned by another user'],
  ['foreign-owner', 'NETRC', 'name a file of your own in NETRC; /a is owned by another user'],
  ['malformed', undefined, 'rm /a'],
  ['malformed', 'SCITOKEN_FILE', 'unset SCITOKEN_FILE'],
  ['expired', undefined, undefined],
] as const)('a file that is %s is fixed as its variable, %s, allows', (code, variable, fix) => {
  expect(fileFix({ code, path: '/a', variable })).toBe(fix)
  expect(fileFix({ code, variable })).toBeUndefined()
})
