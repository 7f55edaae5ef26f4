/** The username and password for the plain HTTP site. */
export const LOGIN = { username: 'albert.einstein', password: 'over the rainbow' }
