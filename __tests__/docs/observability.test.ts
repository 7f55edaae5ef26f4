/** docs/observability.md: its table of events is that of the types, and its programs report to the SDK of OpenTelemetry. */
import fs from 'node:fs'
import path from 'node:path'
import { metrics, trace, type Attributes } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import ts from 'typescript'
import type * as Library from '../../lib'
import { exampleMachine, type ExampleMachine } from '../support/example-machine'
import { examplesIn, runExample, testExamples } from '../support/examples'
import { expectNoSecret } from '../support/expect-no-secret'
import { challenge, serve } from '../support/server'

const ROOT = path.join(__dirname, '../..')
const PAGE = path.join(ROOT, 'docs/observability.md')

const spans = new InMemorySpanExporter()
const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
const exported = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter: exported, exportIntervalMillis: 2 ** 30 })
const metering = new MeterProvider({ readers: [reader] })

let machine: ExampleMachine
beforeAll(async () => {
  trace.setGlobalTracerProvider(tracing)
  metrics.setGlobalMeterProvider(metering)
  machine = await exampleMachine()
  // The site of the examples is not at the address of its name.
  const { fetch } = globalThis
  jest
    .spyOn(globalThis, 'fetch')
    .mockImplementation(async (input, init) =>
      String(input).startsWith('https://gracedb.example.org/') ? new Response('{}') : fetch(input, init),
    )
})
afterAll(async () => {
  await Promise.all([tracing.shutdown(), metering.shutdown(), machine.close()])
})

testExamples('docs/observability.md', () => machine)

/** Runs the program under a heading, and returns what it has under these names. */
async function partsOf<Parts>(heading: string, ...names: string[]): Promise<Parts> {
  const example = examplesIn(fs.readFileSync(PAGE, 'utf8')).find((one) => one.heading === heading)!
  let parts: Parts | undefined
  const expose = (value: Parts) => (parts = value)
  const folder = process.env.XDG_RUNTIME_DIR ?? ''
  await runExample(
    { ...example, code: `${example.code}\nexpose({ ${names.join()} })` },
    { folder, slashTmp: path.join(folder, '../slash-tmp'), globals: { expose } },
  )
  return parts!
}

describe('spans', () => {
  type Send = (onEvent: Library.IgwnAuthEventListener) => Promise<{ status: number }>
  let inSpan: (method: string, url: string, send: Send) => Promise<{ status: number }>
  let get: typeof Library.get
  let igwnFetch: typeof import('../../lib/fetch').igwnFetch
  beforeAll(async () => {
    ;({ inSpan, get, igwnFetch } = await partsOf<{
      inSpan: typeof inSpan
      get: typeof get
      igwnFetch: typeof igwnFetch
    }>('Spans', 'inSpan', 'get', 'igwnFetch'))
  })

  /** The span of one request, with the given options and events, by one of the clients. */
  async function spanOf(client: 'axios' | 'fetch', url: string, options: Library.IgwnAuthOptions = {}) {
    spans.reset()
    const send: Send = (onEvent) => {
      const igwnAuth = { ...options, onEvent }
      return client === 'axios' ? get(url, { igwnAuth }) : igwnFetch(url, { igwnAuth })
    }
    await inSpan('GET', url, send).catch((error: unknown) => error)
    const [span, ...others] = spans.getFinishedSpans()
    expect(others).toEqual([])
    return { name: span!.name, kind: span!.kind, attributes: span!.attributes, status: span!.status }
  }

  describe.each(['axios', 'fetch'] as const)('with %s', (client) => {
    it('have the attributes of the semantic conventions, and the count of resends', async () => {
      const server = await serve((_, index) => (index === 0 ? challenge('error="invalid_token"') : {}))
      let count = 0
      const token = () => `token-that-is-secret-${(count += 1)}`
      const span = await spanOf(client, `${server.origin}/a?key=secret-parameter`, { token })
      expect(span).toEqual({
        name: 'GET',
        kind: 2,
        attributes: {
          'http.request.method': 'GET',
          'url.full': `${server.origin}/a`,
          'server.address': '127.0.0.1',
          'server.port': Number(new URL(server.origin).port),
          'http.request.resend_count': 1,
          'http.response.status_code': 200,
        },
        status: { code: 0 },
      })
      expectNoSecret(span, ['token-that-is-secret', 'secret-parameter'])
    })

    it('of a refusal are errors with its summary', async () => {
      const server = await serve(() => challenge('scope="a.read"'))
      const span = await spanOf(client, server.origin, { token: 'token-that-is-secret' })
      expect(span.attributes).toMatchObject({ 'error.type': '401', 'http.response.status_code': 401 })
      expect(span.attributes).not.toHaveProperty('http.request.resend_count')
      expect(span.status).toEqual({ code: 2, message: expect.stringContaining('requires a.read') as string })
      expectNoSecret(span, ['token-that-is-secret'])
    })

    it('of a request that is not sent, or gets no response, have the code', async () => {
      const server = await serve(() => ({}))
      const unsent = await spanOf(client, server.origin, { failIfNoAuth: true, netrc: false, token: false })
      expect(unsent.attributes).toMatchObject({ 'error.type': 'ERR_IGWN_NO_CREDENTIAL' })
      await server.close()
      const failed = await spanOf(client, server.origin, { token: false })
      expect(failed.attributes).toMatchObject({ 'error.type': 'ECONNREFUSED' })
      expect(failed.attributes).not.toHaveProperty('http.response.status_code')
    })
  })
})

it('counters have retries and refusals by server, and new tokens and warnings by source', async () => {
  const { get } = await partsOf<{ get: typeof Library.get }>('Counters', 'get')
  const server = await serve(({ url }, index) => (url === '/refused' || index === 0 ? challenge() : {}))
  let count = 0
  const token = () => `token-that-is-secret-${(count += 1)}`
  await get(`${server.origin}/retried`, { igwnAuth: { token } })
  await get(`${server.origin}/refused`, { igwnAuth: { token: 'token-that-is-secret' } }).catch(
    () => undefined,
  )
  await metering.forceFlush()
  const sums: Record<string, [Attributes, unknown][]> = {}
  for (const { descriptor, dataPoints } of exported
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap((scope) => scope.metrics))
    sums[descriptor.name] = dataPoints.map(({ attributes, value }) => [attributes, value])
  const here = { 'server.address': '127.0.0.1' }
  expect(sums['igwn_auth.retries']).toContainEqual([here, expect.any(Number)])
  expect(sums['igwn_auth.refusals']).toContainEqual([
    { ...here, 'http.response.status_code': 401 },
    expect.any(Number),
  ])
  expectNoSecret(sums, ['token-that-is-secret'])
})

/** The table of events from the types of lib/events.ts: one row for each field. */
function tableOfEvents(): string {
  const text = fs.readFileSync(path.join(ROOT, 'lib/events.ts'), 'utf8')
  const source = ts.createSourceFile('events.ts', text, ts.ScriptTarget.Latest, true)
  /** The comment before a node: that of a member of a union is before its `|`. */
  const commentOf = (node: ts.Node) => {
    const [, comment = ''] = /\/\*\* ([^]*?) ?\*\/[\s|(]*$/.exec(text.slice(0, node.getStart())) ?? []
    return (
      comment
        .replaceAll(/\s+\* ?/g, ' ')
        .split('/** ')
        .at(-1)
        ?.trim() ?? ''
    )
  }
  const aliases = new Map<string, ts.TypeNode>()
  const shared: ts.PropertySignature[] = []
  source.forEachChild((node) => {
    if (ts.isTypeAliasDeclaration(node)) aliases.set(node.name.text, node.type)
    if (ts.isInterfaceDeclaration(node) && node.name.text === 'RequestEvent')
      shared.push(...node.members.filter(ts.isPropertySignature))
  })
  /** The text of a type, with unions of this file written out. */
  const typeText = (type: ts.TypeNode): string => {
    if (ts.isUnionTypeNode(type))
      return type.types
        .filter((one) => one.kind !== ts.SyntaxKind.UndefinedKeyword)
        .map(typeText)
        .join(' | ')
    if (ts.isTypeOperatorNode(type)) return typeText(type.type)
    if (ts.isArrayTypeNode(type)) {
      const element = typeText(type.elementType)
      return element.includes(' ') ? `(${element})[]` : `${element}[]`
    }
    const alias = aliases.get(type.getText())
    return alias ? typeText(alias) : type.getText()
  }
  const row = (event: string, member: ts.PropertySignature) =>
    [
      event,
      `\`${member.name.getText()}${member.questionToken ? '?' : ''}\``,
      `\`${typeText(member.type!)}\``,
      commentOf(member),
    ].map((cell) => cell.replaceAll('|', '\\|'))

  const union = aliases.get('IgwnAuthEvent')
  if (!union || !ts.isUnionTypeNode(union)) throw new Error('IgwnAuthEvent is not a union')
  const isType = (field: ts.PropertySignature) => field.name.getText() === 'type'
  const rows = shared.filter((field) => !isType(field)).map((field) => row('all of a request', field))
  for (const member of union.types) {
    const inner = ts.isParenthesizedTypeNode(member) ? member.type : member
    const parts: readonly ts.TypeNode[] = ts.isIntersectionTypeNode(inner) ? inner.types : [inner]
    const fields = parts
      .filter(ts.isTypeLiteralNode)
      .flatMap(({ members }) => members.filter(ts.isPropertySignature))
    const [name] = parts.find(ts.isTypeReferenceNode)?.typeArguments ?? [fields.find(isType)?.type]
    const event = name!.getText().replaceAll("'", '`')
    rows.push([event, '', '', commentOf(member)])
    for (const field of fields) if (!isType(field)) rows.push(row('', field))
  }
  return [['Event', 'Field', 'Type', 'Meaning'], ['---', '---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

/** The page, with this table. */
function pageWith(table: string): string {
  return fs
    .readFileSync(PAGE, 'utf8')
    .replace(
      /(<!-- Events -->\n)[^]*?(<!-- end -->)/,
      (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`,
    )
}

// After the output of the examples.
afterAll(() => {
  if (process.env.UPDATE_EXAMPLES) fs.writeFileSync(PAGE, pageWith(tableOfEvents()))
})

it('the table of events is that of the types', () => {
  const table = tableOfEvents()
  const [page, expected] = [fs.readFileSync(PAGE, 'utf8'), pageWith(table)]
  // Prettier aligns the columns.
  const unaligned = (text: string) => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---')
  if (!process.env.UPDATE_EXAMPLES) expect(unaligned(page)).toBe(unaligned(expected))
  expect(table.split('\n').length).toBeGreaterThan(20)
})
