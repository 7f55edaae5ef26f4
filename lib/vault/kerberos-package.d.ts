declare module 'kerberos' {
  const kerberos: import('./kerberos').KerberosModule
  export default kerberos
}
