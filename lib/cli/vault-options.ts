import { processEnvironment } from '../environment'
import { defaultVaultTokenFile } from '../vault/files'
import { argumentsOfEnvironment, optionsIn } from '../vault/settings'

/** The file of the Vault token, which gets tokens without a login. */
export function vaultTokenFile(): string {
  return optionsOfEnvironment().vaulttokenfile ?? defaultVaultTokenFile(processEnvironment)
}

/** Options in HTGETTOKENOPTS. */
export function optionsOfEnvironment() {
  return optionsIn(argumentsOfEnvironment(processEnvironment), {
    name: 'HTGETTOKENOPTS',
    code: 'ERR_IGWN_INVALID_ENVIRONMENT',
  })
}
