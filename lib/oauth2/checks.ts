export { aFunction, anObject, nonEmptyText as aText } from '../check-values'
