import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { newFolder } from './support/room'

/** The completion scripts in zsh and fish, at a prompt where it matters, and the man page in mandoc. */
const CLI = path.resolve('dist/cli.cjs')
const printed = (...words: string[]) => execFileSync(process.execPath, [CLI, ...words], { encoding: 'utf8' })

describe('zsh', () => {
  /** Types into an interactive zsh, and returns what the line is after each TAB. */
  function typed(setUp: string, lines: readonly string[]): string[] {
    const folder = newFolder('zsh')
    fs.writeFileSync(path.join(folder, '_igwn-auth'), printed('completion', 'zsh'))
    fs.writeFileSync(path.join(folder, 'result.h5'), '')
    const out = path.join(folder, 'out')
    // Ctrl-G writes the line to a file, again and again until TAB has changed it.
    const program = `
zmodload zsh/zpty
drain() { while zpty -r -t z REPLY 2> /dev/null; do :; done }
zpty z zsh -f -i
zpty -w z 'PS1= PS2=; cd ${folder}; ${setUp}; show() { print -r -- "$BUFFER" > ${out} }; zle -N show; bindkey "^G" show; : > ${out}'
repeat 200; do sleep 0.1; drain; [[ -e ${out} ]] && break; done
for line in "$@"; do
  rm -f ${out}
  zpty -w -n z $'\\x15'$line$'\\t'
  repeat 100; do
    sleep 0.1
    drain
    zpty -w -n z $'\\x07'
    [[ -e ${out} && "$(< ${out})" != "$line" ]] && break
  done
  cat ${out}
done
zpty -d z`
    const { stdout } = spawnSync('zsh', ['-f', '-c', program, 'zsh', ...lines], { encoding: 'utf8' })
    return stdout
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
  }

  const LINES = ['igwn-auth ex', 'igwn-auth get --upl', 'igwn-auth completion z', 'igwn-auth request -T res']
  const COMPLETED = [
    'igwn-auth explain',
    'igwn-auth get --upload-file',
    'igwn-auth completion zsh',
    'igwn-auth request -T result.h5',
  ]

  it('completes with the sourced script', () => {
    expect(typed('autoload -U compinit; compinit -D -u; source ./_igwn-auth', LINES)).toEqual(COMPLETED)
  })

  it('completes with the script in a folder of fpath, from the first TAB on', () => {
    expect(typed('fpath=($PWD $fpath); autoload -U compinit; compinit -D -u', LINES)).toEqual(COMPLETED)
  })
})

it('fish completes commands, options and files', () => {
  const folder = newFolder('fish')
  const script = path.join(folder, 'igwn-auth.fish')
  fs.writeFileSync(script, printed('completion', 'fish'))
  fs.writeFileSync(path.join(folder, 'result.h5'), '')
  const completed = (line: string) =>
    execFileSync('fish', ['--no-config', '-c', `source ${script}; complete -C '${line}'`], {
      encoding: 'utf8',
      cwd: folder,
    })
      .split('\n')
      .filter(Boolean)
      .map((one) => one.split('\t')[0])
  expect(completed('igwn-auth ex')).toEqual(['explain'])
  expect(completed('igwn-auth help x')).toEqual(['x509'])
  expect(completed('igwn-auth get --upl')).toEqual(['--upload-file'])
  expect(completed('igwn-auth request -T res')).toEqual(['result.h5'])
  expect(completed('igwn-auth completion ')).toEqual(['bash', 'fish', 'zsh'])
})

it('mandoc has nothing to say about the man page', () => {
  const { status, stdout } = spawnSync('mandoc', ['-Tlint', '-Wwarning'], {
    input: printed('man'),
    encoding: 'utf8',
  })
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
})
