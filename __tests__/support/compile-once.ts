/**
 * Compiles each module once for all test files of a process. Jest evaluates every module again in each test file, which keeps them
 * apart; compiling them again too takes a third of the time of most.
 */
import vm from 'node:vm'

const scripts = new Map<string, { readonly code: string; readonly script: vm.Script }>()
const { compileFunction } = vm

vm.compileFunction = (code, parameters = [], options = {}) => {
  const { filename, parsingContext } = options
  if (filename === undefined || !parsingContext) return compileFunction(code, parameters, options)
  let known = scripts.get(filename)
  if (known?.code !== code) {
    const start = `(function (${parameters.join(',')}) {`
    const script = new vm.Script(`${start}${code}\n})`, { filename, columnOffset: -start.length })
    scripts.set(filename, (known = { code, script }))
  }
  return known.script.runInContext(parsingContext) as ReturnType<typeof compileFunction>
}
