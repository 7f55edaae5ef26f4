/**
 * What public documentation says of IGWN's issuer and services: `issuer` is for a client, each service is for the options of
 * an instance, `applyIgwnAuth(axios.create({ baseURL: igwn.gracedb.url }), { ...igwn.gracedb, token })`. All of it can be put
 * aside by giving something else. Which tokens a client may have is between it and the issuer.
 */
export const igwn = {
  /**
   * The issuer of all tokens of IGWN.
   *
   * @see https://computing.docs.ligo.org/guide/auth/scitokens/
   */
  issuer: 'https://cilogon.org/igwn',
  /**
   * The Gravitational-Wave Candidate Event Database.
   *
   * @see https://computing.docs.ligo.org/guide/auth/scitokens/
   */
  gracedb: { url: 'https://gracedb.ligo.org', tokenScope: 'gracedb.read' },
  /**
   * Servers that say where data are, each at an address of its own.
   *
   * @see https://gwdatafind.readthedocs.io/en/stable/auth/
   */
  datafind: { tokenScope: 'gwdatafind.read' },
  /**
   * Segments of data quality.
   *
   * @see https://dqsegdb2.readthedocs.io/en/stable/auth/
   */
  dqsegdb: { url: 'https://segments.ligo.org', tokenScope: 'dqsegdb.read' },
} as const
