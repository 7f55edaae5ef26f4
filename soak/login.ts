/** The login that the site in clear takes. */
export const LOGIN = { username: 'albert.einstein', password: 'over the rainbow' }
