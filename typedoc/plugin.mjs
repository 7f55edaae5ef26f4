/**
 * TypeDoc plugin: puts every public symbol into a category, and links it to the guide with its example. A symbol without a
 * category is an error. The guides are part of the generated site (`projectDocuments` in typedoc.json).
 */
import { Comment, CommentTag, Converter, ReflectionKind } from 'typedoc'

/** Category, guides of the category, and its symbols. A symbol of several entries is listed once. */
const CATEGORIES = [
  {
    title: 'Sending requests',
    guides: ['redirects-and-trust', 'tokens', 'per-user-tokens', 'testing'],
    symbols: `igwnAxios request get delete del head patch post put IgwnAxiosInstance applyIgwnAuth removeIgwnAuth IgwnAuthOptions
      noHostCredentials HTTPSciTokenAuth HTTPSciTokenAuthOptions`,
  },
  {
    title: 'fetch and other clients',
    guides: ['fetch'],
    symbols: `igwnFetch createIgwnFetch IgwnFetch IgwnFetchSettings FetchInput IgwnRequestInit explanationOf authorize Authorization`,
  },
  {
    title: 'Finding credentials',
    guides: ['tokens', 'certificates', 'netrc'],
    symbols: `findSciToken FindSciTokenOptions SciToken TokenProfile isValidToken TokenRequirements targetAudience
      tokenAuthorizationHeader findX509Credentials FindX509Options X509Credential PemPair createX509Agent X509AgentOptions
      Passphrase CertificateInfo findNetrcCredentials NetrcOptions BasicCredentials parseChallenges Challenge`,
  },
  {
    title: 'Token sources',
    guides: ['managed-tokens', 'agents-and-ci', 'tokens'],
    symbols: `Token TokenQuery StepUp TokenSource TokenFunction staticToken discoveredTokens chain reuse ReuseOptions autoRenew
      AutoRenewingSource AutoRenewOptions externallyManagedJwt ExternallyManagedJwt ExternallyManagedJwtOptions Jwt JwtResult
      JwtProvider JwtOptions TokenResponse TokenResult tokenCommand TokenCommandOptions getSciToken GetSciTokenOptions
      oidcAgent OidcAgentOptions workloadIdentity WorkloadIdentityOptions`,
  },
  {
    title: 'Tokens from Vault',
    guides: ['vault'],
    symbols: `vaultToken VaultTokenOptions logIn LogInOptions VaultLogin LoginMethod logOut LogOutOptions VaultLogout VaultOptions
      InteractiveVaultOptions VaultPrompt KerberosModule`,
  },
  {
    title: 'Token stores',
    guides: ['managed-tokens', 'fleets'],
    symbols: `fileStore keyvStore KeyvLike KeyvStoreOptions redisStore redisLock RedisLike RedisLockOptions HeldLock StoredToken
      TokenStore`,
  },
  {
    title: 'Automatic retry',
    guides: ['automatic-retry'],
    symbols: 'applyAutoRetry removeAutoRetry AutoRetryOptions',
  },
  {
    title: 'Schemes',
    guides: ['write-a-scheme'],
    symbols: 'AuthScheme SchemeRequest RequestChanges SchemeResponse',
  },
  {
    title: 'Errors, explain and events',
    guides: ['errors', 'observability', 'troubleshooting'],
    symbols: `IgwnAuthError IgwnAuthErrorCode isIgwnAuthError Reason ReasonCode IgwnAxiosError Refusal explain Explanation Finding
      FindingKind FindingVerdict AttachedCredential TokenInfo ExpectedTransfer TokenLifetime TokenRenewer EVENT_CHANNEL CredentialKind IgwnAuthEvent IgwnAuthEventListener
      RequestEvent OAuthError OAuthRefusal`,
  },
  {
    title: 'OAuth 2 grants',
    guides: ['oauth2', 'oauth2-tokens'],
    symbols: `clientCredentials password PasswordOptions refreshToken RefreshTokenOptions authorizationCode
      AuthorizationCodeOptions LoopbackHost deviceCode DeviceCodeOptions DevicePrompt jwtBearer JwtBearerOptions tokenExchange TokenInput
      TokenExchangeOptions FlowOptions GrantOptions OAuthTokenSource OAuthParameters ScopeAndAudience igwn Igwn IgwnService`,
  },
  {
    title: 'OAuth 2 clients',
    guides: ['oauth2-clients'],
    symbols: `ClientAuthenticationMethod OAuthClient OAuthEndpoint OAuthRequest OAuthResponse ServerMetadata PrivateKey
      clientRegistration ClientRegistration RegistrationOptions RegistrationRequestOptions ClientMetadata RegisteredClient Preset`,
  },
  {
    title: 'OAuth 2 in web applications',
    guides: ['oauth2-web-login'],
    symbols: `webLogin WebLogin AccessTokenInput LoginRedirect LoginOptions PendingLogin WebLoginRequestOptions EndSessionOptions
      Introspection TokenHint UserInfo IdTokenChecks IdTokenClaims`,
  },
  {
    title: 'DPoP and token placement',
    guides: ['oauth2-dpop-and-mtls'],
    symbols: `dpop dpopKey DPoPKey DPoPKeyOptions DPoPRequest OAuth2Auth OAuth2AuthOptions TokenPlacement`,
  },
  {
    title: 'Data in federations',
    guides: ['data'],
    symbols: `resolveObject ResolveObjectOptions ResolvedObject federationOf Federation PelicanOptions parsePelicanHeaders PelicanHeaders
      ObjectServer HeaderFields ObjectRequirements DigestAlgorithm`,
  },
  {
    title: 'OAuth 1',
    guides: ['oauth1', 'oauth1-get-a-token'],
    symbols: `oauth1Flow AccessTokenConfig AuthorizationUrlOptions OAuth1Flow OAuth1FlowOptions OAuth1StepConfig RequestTokenConfig
      parseAuthorizationResponse AuthorizationResponse OAuth1Token OAuth1TokenPair applyOAuth1 ConnectionOptions oauth1
      OAuth1Options SignatureType SignatureInput SignatureMethod SignatureMethodName`,
  },
]

const categoryOf = new Map(
  CATEGORIES.flatMap((category) => category.symbols.split(/\s+/).map((name) => [name, category])),
)

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? [])
      for (const symbol of module.children ?? []) {
        const category = categoryOf.get(symbol.name)
        if (symbol.kindOf(ReflectionKind.Reference)) addCategory(symbol, 'Also in axios-igwn-auth')
        else if (category) addTags(symbol, category)
        else app.logger.error(`${symbol.name} has no category. Add it to typedoc/plugin.mjs.`)
      }
  })
}

function addTags(symbol, { title, guides }) {
  const links = guides.map((guide) => `[${guide}](../documents/docs_${guide}.html)`)
  const see = () =>
    new CommentTag('@see', [{ kind: 'text', text: `Guides with examples: ${links.join(' · ')}` }])
  addCategory(symbol, title)
  // The page of a function shows the comments of its signatures.
  const documented = symbol.kindOf(ReflectionKind.Function) ? symbol.signatures : [symbol]
  for (const { comment } of documented) comment?.blockTags.push(see())
}

function addCategory(symbol, title) {
  symbol.comment ??= new Comment()
  symbol.comment.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: title }]))
}
