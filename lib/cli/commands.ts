// What is loaded when a command is run, and not for help: axios, and all of this package.
export { explainCommand } from './explain'
export { getCommand } from './get'
export { tokenCommand } from './token'
export { x509Command } from './x509'
