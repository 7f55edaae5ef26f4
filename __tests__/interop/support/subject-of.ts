import { X509Certificate } from 'node:crypto'

/** The subject of a certificate in the form of grid tools: `/DC=org/DC=example/CN=Alice Adams`. */
export function subjectOf(certificate: string): string {
  return `/${new X509Certificate(certificate).subject.replaceAll('\n', '/')}`
}
