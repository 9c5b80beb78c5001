// Extracts the built-in price book from the npm package @pydantic/genai-prices at build time.
//
//   node extract.mjs --node-modules DIR --cpp OUT.cpp [--json OUT.json]
//
// The same package gives the same bytes. The data is one JSON object:
//   {"source", "units":[{"usage_key","price_key","per","dimensions"}], "providers":[{"id","name","api_pattern",
//    "model_match"?,"provider_match"?,"fallback"?:[ids],"models":[{"id","name","match","context_window"?,
//    "deprecated"?,"price"?}]}]}
// where a price has the stored form of a price (src/pricing/detail/price_json.hpp): integers, pico-USD per `per` units.
// A model without any price has no "price": unset, not free. Whatever this program does not understand stops it.
import fs from 'node:fs'
import { loadLibrary, option } from './library.mjs'

const library = await loadLibrary(option('node-modules'))
const unitOfPriceKey = new Map(library.units.map((unit) => [unit.priceKey, unit]))
const notes = []

/** Exact value of a double's shortest decimal as digits × 10^exponent. */
function decimal(value) {
  const [mantissa, exponent = '0'] = String(value).toLowerCase().split('e')
  const [whole, fraction = ''] = mantissa.split('.')
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length }
}

/** value × 10^12, half-even; `exact` says whether anything was lost. */
function toPico(value) {
  const { digits, exponent } = decimal(value)
  const shift = exponent + 12
  if (shift >= 0) return { pico: digits * 10n ** BigInt(shift), exact: true }
  const divisor = 10n ** BigInt(-shift)
  let pico = digits / divisor
  const rest = digits % divisor
  if (2n * rest > divisor || (2n * rest === divisor && pico % 2n === 1n)) pico += 1n
  return { pico, exact: rest === 0n }
}

/** A price whose shortest decimal is long is a short fraction that went through a division: 1/12 dollar. */
function shortFraction(value) {
  const ulp = value * Number.EPSILON
  for (let denominator = 1; denominator <= 12; denominator++) {
    const numerator = Math.round(value * denominator * 1e6) / 1e6
    if (Math.abs(numerator / denominator - value) <= 2 * ulp) return { numerator, denominator }
  }
  return undefined
}

function rate(value, unit, where) {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error(`${where}: price ${value}`)
  let { pico, exact } = toPico(value)
  let per = unit.per
  if (!exact) {
    const fraction = shortFraction(value)
    if (fraction) {
      pico = toPico(fraction.numerator).pico
      per *= fraction.denominator
      notes.push(`${where}: ${value} read as ${fraction.numerator}/${fraction.denominator}`)
    } else {
      notes.push(`${where}: ${value} rounded to ${pico} pico-USD per ${per}`)
    }
  }
  if (pico > BigInt(Number.MAX_SAFE_INTEGER) * 100n) throw new Error(`${where}: price ${value} is too large`)
  return { pico, per }
}

function rates(prices, where) {
  const out = {}
  for (const unit of library.units) {
    const value = prices[unit.priceKey]
    if (value === undefined) continue
    if (typeof value === 'number') {
      out[unit.usageKey] = rate(value, unit, where)
    } else {
      const tiers = [...value.tiers].sort((a, b) => a.start - b.start)
      if (tiers.some((tier) => !Number.isSafeInteger(tier.start) || tier.start < 0)) throw new Error(`${where}: tier start`)
      out[unit.usageKey] = {
        ...rate(value.base, unit, where),
        tiers: tiers.map((tier) => ({ above: tier.start, ...rate(tier.price, unit, where) })),
      }
    }
  }
  for (const key of Object.keys(prices))
    if (prices[key] !== undefined && !unitOfPriceKey.has(key)) throw new Error(`${where}: unknown price key ${key}`)
  return out
}

/** "16:30:00Z" or with an offset → milliseconds of the UTC day. */
function timeOfDay(text, where) {
  const found = /^(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,3}))?(?:Z|([+-])(\d{2}):(\d{2}))$/.exec(text)
  if (!found) throw new Error(`${where}: time of day '${text}'`)
  const [, h, m, s, fraction = '', sign, oh = '0', om = '0'] = found
  const ms = ((Number(h) * 60 + Number(m)) * 60 + Number(s)) * 1000 + Number(fraction.padEnd(3, '0'))
  const offset = (sign === '-' ? -1 : 1) * (Number(oh) * 60 + Number(om)) * 60000
  return (ms - offset + 86400000) % 86400000
}

function condition(constraint, where) {
  if (constraint === undefined) return undefined
  if (constraint.type === 'start_date') {
    const ms = Date.parse(`${constraint.start_date}T00:00:00Z`)
    if (!/^\d{4}-\d{2}-\d{2}$/.test(constraint.start_date) || Number.isNaN(ms)) throw new Error(`${where}: start date`)
    return { start_date_ms: ms }
  }
  if (constraint.type === 'time_of_date')
    return { time_of_day_ms: [timeOfDay(constraint.start_time, where), timeOfDay(constraint.end_time, where)] }
  throw new Error(`${where}: unknown condition ${JSON.stringify(constraint)}`)
}

/** What the patterns may use: what PCRE2 and JavaScript read alike. */
const plainPattern =
  /^(?:\\[dDwWsS./[\]()\-^$*+?{}|]|\[\^?(?:\\[dwsDWS./[\]\-^]|[^\]\\])+\]|\(\?[:=!]|[()|*+?^$.]|\{\d+(?:,\d*)?\}|[A-Za-z0-9/:_\-@ ~,=%&])+$/
function pattern(text, where) {
  new RegExp(text)
  if (!plainPattern.test(text)) throw new Error(`${where}: pattern '${text}' uses syntax that has not been checked`)
  return text
}

function clause(match, where) {
  const [kind, ...more] = Object.keys(match)
  if (more.length > 0) throw new Error(`${where}: match with several kinds ${JSON.stringify(match)}`)
  const value = match[kind]
  if (kind === 'or' || kind === 'and') return { [kind]: value.map((inner) => clause(inner, where)) }
  if (kind === 'regex') return { regex: pattern(value, where) }
  if (!['equals', 'starts_with', 'ends_with', 'contains'].includes(kind)) throw new Error(`${where}: match kind ${kind}`)
  return { [kind]: value.toLowerCase() }
}

/** Some models are billed for a minimum of audio; the library knows it in code only, so ask it. */
function minimumAudioSeconds(provider, model) {
  const variants = Array.isArray(model.prices) ? model.prices.map((entry) => entry.prices) : [model.prices]
  if (!variants.some((prices) => prices.audio_hours !== undefined || prices.input_audio_hours !== undefined)) return 0
  const total = (seconds) => {
    const usage = { audio_seconds: seconds, input_audio_seconds: seconds, output_audio_seconds: 0 }
    const found = library.calcPrice(usage, model.id, { providerId: provider.id })
    if (found?.model !== model) throw new Error(`${provider.id}/${model.id}: its id does not find it`)
    return found.total_price
  }
  const cost = (seconds) => total(seconds) - total(0)
  const same = (a, b) => Math.abs(a - b) <= 1e-9 * Math.abs(b)
  if (same(cost(1) * 3600, cost(3600))) return 0
  for (let seconds = 2; seconds <= 600; seconds++) if (!same(cost(seconds), cost(1))) return seconds - 1
  throw new Error(`${provider.id}/${model.id}: audio billing is not understood`)
}

/** The library refuses a price that leaves out a parent; such a price must not enter the book. */
function checkCoverage(provider, model) {
  const usage = Object.fromEntries(library.units.filter((unit) => unit.usageKey !== 'requests').map((unit) => [unit.usageKey, 0]))
  const variants = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]
  for (const variant of variants)
    library.calcPrice(usage, 'probe', {
      provider: { ...provider, fallback_model_providers: undefined,
        models: [{ ...model, match: { equals: 'probe' }, prices: variant.prices }] },
    })
}

function price(provider, model) {
  const where = `${provider.id}/${model.id}`
  checkCoverage(provider, model)
  const list = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]
  const variants = list.map((entry) => {
    const when = condition(entry.constraint, where)
    return { ...(when && { when }), units: rates(entry.prices, where) }
  })
  if (variants.every((variant) => Object.keys(variant.units).length === 0)) return undefined
  const minimum = minimumAudioSeconds(provider, model)
  return { v: 1, ...(minimum > 0 && { min_audio_seconds: minimum }), variants }
}

const book = {
  source: `@pydantic/genai-prices ${library.version}`,
  units: library.units.map((unit) => ({
    usage_key: unit.usageKey, price_key: unit.priceKey, per: unit.per, dimensions: unit.dimensions,
  })),
  providers: library.providers.map((provider) => ({
    id: provider.id,
    name: provider.name,
    api_pattern: pattern(provider.api_pattern, provider.id),
    ...(provider.model_match && { model_match: clause(provider.model_match, provider.id) }),
    ...(provider.provider_match && { provider_match: clause(provider.provider_match, provider.id) }),
    ...(provider.fallback_model_providers && { fallback: provider.fallback_model_providers }),
    models: provider.models.map((model) => {
      const modelPrice = price(provider, model)
      return {
        id: model.id,
        name: model.name ?? model.id,
        match: clause(model.match, `${provider.id}/${model.id}`),
        ...(model.context_window && { context_window: model.context_window }),
        ...(model.deprecated && { deprecated: true }),
        ...(modelPrice && { price: modelPrice }),
      }
    }),
  })),
}

const ascii = (text) => text.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
// BigInt prices are written as JSON integers; none exceeds int64.
const json = ascii(JSON.stringify(book, (_, value) => (typeof value === 'bigint' ? `@int:${value}` : value))
  .replace(/"@int:(\d+)"/g, '$1'))

const chunks = json.match(/[^]{1,8000}/g)
const cpp = `// Generated by tools/pricebook/extract.mjs from ${book.source} (MIT licence). Do not edit.
#include <string_view>

namespace tollgate::pricing::generated {
extern std::string_view const book_json;
std::string_view const book_json =
${chunks.map((chunk) => `    R"book(${chunk})book"`).join('\n')};
} // namespace tollgate::pricing::generated
`
fs.writeFileSync(option('cpp'), cpp)
if (process.argv.includes('--json')) fs.writeFileSync(option('json'), json + '\n')
const models = book.providers.flatMap((provider) => provider.models)
console.log(`price book: ${book.source}, ${book.providers.length} providers, ${models.length} models, ` +
  `${models.filter((model) => model.price).length} with a price`)
for (const note of notes) console.log(`  ${note}`)
