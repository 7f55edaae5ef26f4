/** A service of IGWN, with the names of instance options: `applyIgwnAuth(instance, { ...igwn.gracedb, token })`. */
export interface IgwnService {
  /** Its URL, which is also the audience of its tokens. */
  readonly url: string
  /** The scope for reading. */
  readonly tokenScope: string
}

/** Public facts about IGWN's issuer and services. */
export interface Igwn {
  /**
   * The issuer of its tokens.
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
   * GWDataFind servers, each with its own URL.
   *
   * @see https://gwdatafind.readthedocs.io/en/stable/auth/
   */
  readonly datafind: Omit<IgwnService, 'url'>
  /**
   * The data quality segment database.
   *
   * @see https://dqsegdb2.readthedocs.io/en/stable/auth/
   */
  readonly dqsegdb: IgwnService
}

/** Issuer and services of IGWN. The issuer decides which tokens a client may request. */
export const igwn: Igwn = {
  issuer: 'https://cilogon.org/igwn',
  gracedb: { url: 'https://gracedb.ligo.org', tokenScope: 'gracedb.read' },
  datafind: { tokenScope: 'gwdatafind.read' },
  dqsegdb: { url: 'https://segments.ligo.org', tokenScope: 'dqsegdb.read' },
}
