import { shellWords } from '../../lib/formats/shell-words'

/** As Python 3.11, `shlex.split(text, True)`. */
it.each<[string, string[] | undefined]>([
  ['', []],
  ['  -a  vault.example.org\t-i igwn\n', ['-a', 'vault.example.org', '-i', 'igwn']],
  [`--scopes="read:/a b" 'c "d"' "e \\"f\\" \\g"`, ['--scopes=read:/a b', 'c "d"', 'e "f" \\g']],
  ["a'b'\"c\"d ''", ['abcd', '']],
  ['a\\ b \\"', ['a b', '"']],
  ['a # comment "\nb c#d\ne', ['a', 'b', 'c', 'e']],
  ['"#" \'#\'', ['#', '#']],
  ['"open', undefined],
  ["'open\\'", ['open\\']],
  ['a\\', undefined],
])('%j has the words %j', (text, words) => {
  expect(shellWords(text)).toEqual(words)
})
