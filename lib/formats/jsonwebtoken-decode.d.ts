// The decoder alone: loading all of jsonwebtoken takes six times as long, and most programs never verify.
declare module 'jsonwebtoken/decode.js' {
  import { decode } from 'jsonwebtoken'
  export default decode
}
