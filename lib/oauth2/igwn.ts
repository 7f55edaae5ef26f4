/** A service of IGWN, in the names of the options of an instance: `applyIgwnAuth(instance, { ...igwn.gracedb, token })`. */
export interface IgwnService {
  /** Its address, which is the audience of its tokens too. */
  readonly url: string
  /** The scope to read there. */
  readonly tokenScope: string
}

/** What public documentation says of IGWN's issuer and services. */
export interface Igwn {
  /**
   * The issuer of all its tokens.
   *
   * @see https://computing.docs.ligo.org/guide/auth/scitokens/
   */
  readonly issuer: string
  /**
   * The Gravitational-Wave Candidate Event Database.
   *
   * @see https://computing.docs.ligo.org/guide/auth/scitokens/
   */
  readonly gracedb: IgwnService
  /**
   * Servers that say where data are, each at an address of its own.
   *
   * @see https://gwdatafind.readthedocs.io/en/stable/auth/
   */
  readonly datafind: Omit<IgwnService, 'url'>
  /**
   * Segments of data quality.
   *
   * @see https://dqsegdb2.readthedocs.io/en/stable/auth/
   */
  readonly dqsegdb: IgwnService
}

/**
 * Issuer and services of IGWN. All of it can be put aside by giving something else; which tokens a client may have is between
 * it and the issuer.
 */
export const igwn: Igwn = {
  issuer: 'https://cilogon.org/igwn',
  gracedb: { url: 'https://gracedb.ligo.org', tokenScope: 'gracedb.read' },
  datafind: { tokenScope: 'gwdatafind.read' },
  dqsegdb: { url: 'https://segments.ligo.org', tokenScope: 'dqsegdb.read' },
}
