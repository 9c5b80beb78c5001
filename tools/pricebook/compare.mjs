// Asks the price library itself: look-ups and prices over the whole book, for src/pricing/book_compare_test.cpp.
//
//   node compare.mjs --node-modules DIR --out FILE.jsonl [--seed N]
//
// One JSON object per line; the same seed gives the same bytes:
//   {"t":"url","url","provider":id|null}             {"t":"find","p":provider|"","m":model,"r":[provider,model]|null}
//   {"t":"units","p","i":model index,"at":ms,"u":{usage key: count},"total":USD|null}   null = the library refuses
//   {"t":"buckets","p","i","at","b":{bucket: count},"total":USD}
import fs from 'node:fs'
import { loadLibrary, option } from './library.mjs'

const library = await loadLibrary(option('node-modules'))
const { units, providers, calcPrice, findProvider } = library
const lines = []
const write = (value) => lines.push(JSON.stringify(value))

let state = Number(option('seed', '20261121')) >>> 0
function random() {
  state = (state + 0x6d2b79f5) >>> 0
  let t = state
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}
const below = (n) => Math.floor(random() * n)
const pick = (list) => list[below(list.length)]
const quantity = () => pick([() => 0, () => below(12), () => below(2000), () => below(400000), () => below(5000000)])()

console.warn = () => {} // the library mentions keys it ignores

// ---- look-ups -------------------------------------------------------------------------------------------------
function find(provider, model) {
  const found = calcPrice({}, model, provider === '' ? {} : { providerId: provider })
  write({ t: 'find', p: provider, m: model, r: found && [found.provider.id, found.model.id] })
}

/** Names that a clause should and should not match. */
function samples(match) {
  const [kind] = Object.keys(match)
  const value = match[kind]
  switch (kind) {
    case 'or': case 'and': return value.flatMap(samples)
    case 'equals': return [value, value.toUpperCase(), `${value}-20250929`, `${value}x`]
    case 'starts_with': return [value, `${value}-zz`, `z${value}`]
    case 'ends_with': return [value, `zz-${value}`, `${value}z`]
    case 'contains': return [value, `zz${value}zz`]
    default: {
      const plain = value.replace(/^\^|\$$/g, '').replace(/\\d\{8\}/g, '20260131').replace(/\\d\{4\}/g, '2026')
        .replace(/\\d\{2\}/g, '07').replace(/\\d/g, '3').replace(/\\(.)/g, '$1')
      return [plain, `${plain}x`, plain.replace('20260131', '2026-01-31')]
    }
  }
}

const aliases = ['bedrock', 'amazon-bedrock', 'vertex_ai', 'google-gla', 'Google-Vertex', 'together-ai', 'together_ai', 'xai', ' OpenAI ',
  'litellm', 'LiteLLM', 'azure', 'anthropic-x', 'huggingface-groq', 'groq-huggingface', 'nobody', 'cohere', 'mistralai', 'moonshot']
const everyId = providers.flatMap((provider) => provider.models.map((model) => model.id))
for (const provider of providers) {
  for (const model of provider.models) {
    const names = new Set([model.id, `${model.id}-20250929`, `${model.id}-20250231`, `${model.id}-20240229:free`, ` ${model.id} `, ...samples(model.match)])
    for (const name of names) find(provider.id, name)
    find('', model.id)
    find('litellm', `${provider.id}/${model.id}`)
    find('litellm', model.id)
    find(pick(aliases), model.id)
    for (const other of ['azure', 'google', 'openrouter', pick(providers).id]) find(other, model.id)
  }
  for (const alias of aliases) find(alias, pick(provider.models).id)
}
for (let i = 0; i < 2000; i++) { // near misses
  const id = pick(everyId)
  const at = below(id.length)
  find(pick(providers).id, id.slice(0, at) + pick(['', 'x', '-', '0', '.']) + id.slice(at + below(2)))
}

const urls = ['https://api.openai.com/v1', 'https://api.openai.com.evil.example', 'http://api.openai.com', 'xhttps://api.openai.com/v1',
  'https://api.anthropic.com', 'https://generativelanguage.googleapis.com/v1beta', 'https://us-east5-aiplatform.googleapis.com',
  'https://bedrock-runtime.us-east-1.amazonaws.com', 'https://bedrock-runtime.us-east-1.amazonaws.com/model', 'https://openrouter.ai/api/v1',
  'https://api.openrouter.ai', 'https://myco.openai.azure.com/openai', 'myco.services.ai.azure.com', 'https://x.y.openai.azure.com',
  'https://api.groq.com/openai/v1', 'https://api.mistral.ai/v1', 'https://api.x.ai', 'https://api.arcee.ai', 'https://api.arcee.aix',
  'https://foo.modal.run/', 'https://api.minimaxi.com/v1', 'https://api.minimax.io', 'https://example.com', '', 'http://127.0.0.1:9000/v1']
for (const provider of providers) {
  const plain = provider.api_pattern.replace(/\\/g, '').replace(/\(\?:[^)]*\)|\([^)]*\)\?|\([^)]*\)/g, '').replace(/\[[^\]]*\]\+?/g, 'abc')
  urls.push(plain, `${plain}/v1`, plain.toUpperCase())
}
for (const url of urls) write({ t: 'url', url, provider: url === '' ? null : findProvider({ providerApiUrl: url })?.id ?? null })

// ---- prices ---------------------------------------------------------------------------------------------------
const reported = units.filter((unit) => unit.usageKey !== 'requests')
const isAncestor = (a, b) => a !== b && Object.entries(a.dimensions).every(([key, value]) => b.dimensions[key] === value)
const wholes = new Map(reported.map((unit) => [unit.usageKey, reported.filter((other) => isAncestor(other, unit)).map((other) => other.usageKey)]))

function variantsOf(model) {
  return Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]
}

const dayMs = 86400000
function clock(text) { // all of the book's windows are in UTC
  const [h, m, s] = text.replace('Z', '').split(':').map(Number)
  return ((h * 60 + m) * 60 + s) * 1000
}
function instants(model) {
  const days = ['2024-06-01', '2026-11-21', '2028-02-29'].map((day) => Date.parse(`${day}T00:00:00Z`))
  if (!Array.isArray(model.prices)) return [days[1]]
  const out = new Set(days)
  for (const { constraint } of model.prices) {
    if (constraint?.type === 'start_date') {
      const start = Date.parse(constraint.start_date)
      for (const at of [start - 1, start, start + 1]) out.add(at)
    }
    if (constraint?.type === 'time_of_date')
      for (const day of days)
        for (const time of [clock(constraint.start_time), clock(constraint.end_time)])
          for (const at of [day + time - 1, day + time, day + time + 1, day + (time + dayMs / 2) % dayMs]) out.add(at)
  }
  return [...out]
}

/** Only this model under a name that cannot match another. */
function alone(provider, model) {
  const only = { ...provider, fallback_model_providers: undefined, models: [{ ...model, match: { equals: 'probe' } }] }
  return (usage, at) => calcPrice(usage, 'probe', { provider: only, timestamp: new Date(at) }).total_price
}

function unitCase(provider, index, price, at, usage) {
  let total = null
  try { total = price({ ...usage }, at) } catch { /* refused */ }
  write({ t: 'units', p: provider.id, i: index, at, u: usage, total })
}

/** Leaves summed into every whole above them: counts as a careful provider reports them. */
function consistent(priced) {
  const usage = {}
  if (random() < 0.5) for (const unit of reported) usage[unit.usageKey] = 0
  for (let n = 1 + below(5); n > 0; n--) {
    const key = (random() < 0.8 && priced.length > 0 ? pick(priced) : pick(reported)).usageKey
    const q = quantity()
    for (const each of [key, ...wholes.get(key)]) usage[each] = (usage[each] ?? 0) + q
  }
  return usage
}

/** Whatever comes: parts above their wholes, wholes left out, negative counts. */
function wild(priced) {
  const usage = {}
  for (let n = below(6); n > 0; n--) {
    const key = (random() < 0.7 && priced.length > 0 ? pick(priced) : pick(reported)).usageKey
    usage[key] = random() < 0.03 ? -1 - below(5) : quantity()
  }
  if (random() < 0.5 && usage.input_tokens === undefined) usage.input_tokens = quantity()
  if (random() < 0.5 && usage.output_tokens === undefined) usage.output_tokens = quantity()
  return usage
}

function thresholds(prices) {
  return [...new Set(Object.values(prices).flatMap((price) => (typeof price === 'object' ? price.tiers.map((tier) => tier.start) : [])))]
}

/** Our disjoint buckets as the library's inclusive counts. */
function inclusive(b) {
  const n = (name) => b[name] ?? 0
  return {
    ...Object.fromEntries(reported.map((unit) => [unit.usageKey, 0])),
    input_tokens: n('input') + n('cache_read') + n('cache_write_5m') + n('cache_write_1h') + n('audio_in') + n('image_in'),
    cache_read_tokens: n('cache_read'),
    cache_write_tokens: n('cache_write_5m') + n('cache_write_1h'),
    cache_write_5m_tokens: n('cache_write_5m'),
    cache_write_1h_tokens: n('cache_write_1h'),
    input_audio_tokens: n('audio_in'),
    input_image_tokens: n('image_in'),
    output_tokens: n('output') + n('audio_out') + n('image_out'),
    output_reasoning_tokens: Math.min(n('reasoning'), n('output')),
    output_audio_tokens: n('audio_out'),
    output_image_tokens: n('image_out'),
    web_searches: n('web_search'),
    audio_seconds: n('input_seconds') + n('output_seconds'),
    input_audio_seconds: n('input_seconds'),
    output_audio_seconds: n('output_seconds'),
    input_characters: n('input_characters'),
    input_document_pages: n('pages'),
  }
}
const bucketNames = ['input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'audio_in', 'image_in', 'output', 'reasoning', 'audio_out',
  'image_out', 'web_search', 'input_seconds', 'output_seconds', 'input_characters', 'pages']

function bucketCase(provider, model, index, price, at, b) {
  // The library's minimum for audio speaks of input only.
  if (provider.id === 'groq' && model.id.startsWith('whisper')) delete b.output_seconds
  b.request = 1
  write({ t: 'buckets', p: provider.id, i: index, at, b, total: price(inclusive(b), at) })
}

for (const provider of providers) {
  provider.models.forEach((model, index) => {
    const price = alone(provider, model)
    const keys = new Set(variantsOf(model).flatMap((variant) => Object.keys(variant.prices)))
    const priced = reported.filter((unit) => keys.has(unit.priceKey))
    const times = instants(model)
    const rounds = times.length > 6 ? 3 : 10
    for (const at of times) {
      unitCase(provider, index, price, at, {})
      for (let n = 0; n < rounds; n++) {
        unitCase(provider, index, price, at, consistent(priced))
        unitCase(provider, index, price, at, wild(priced))
        const b = {}
        for (let k = 1 + below(6); k > 0; k--) b[random() < 0.5 ? pick(['input', 'cache_read', 'output']) : pick(bucketNames)] = quantity()
        bucketCase(provider, model, index, price, at, b)
      }
      for (const seconds of [0, 1, 9, 10, 11])
        if (keys.has('audio_hours')) {
          unitCase(provider, index, price, at, { audio_seconds: seconds })
          unitCase(provider, index, price, at, { audio_seconds: 0, input_audio_seconds: seconds })
          unitCase(provider, index, price, at, { input_audio_seconds: seconds })
          bucketCase(provider, model, index, price, at, { input_seconds: seconds })
        }
      for (const variant of variantsOf(model))
        for (const start of thresholds(variant.prices))
          for (const total of [start - 1, start, start + 1]) {
            unitCase(provider, index, price, at, { input_tokens: total, output_tokens: 777 })
            const cached = below(total)
            bucketCase(provider, model, index, price, at, { input: total - cached, cache_read: cached, output: 1001 })
          }
    }
  })
}

fs.writeFileSync(option('out'), lines.join('\n') + '\n')
