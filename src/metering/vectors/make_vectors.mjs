// Writes what npm gpt-tokenizer says about many texts: node make_vectors.mjs <node_modules> <out.bin>
//
// 1. its published test plan (token by token); 2. seeded random texts of many kinds; 3. its chat cases.
// Left out are the three places where its JavaScript pattern differs from the engine that OpenAI charges by (tiktoken):
// U+0085 is white space there and U+FEFF is not, and 'ſ is a contraction. tokenizer_test.cpp covers those.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [nodeModules, outPath] = process.argv.slice(2)
const home = join(nodeModules, 'gpt-tokenizer')
const load = (path) => import(pathToFileURL(join(home, 'esm', path)))
const encodings = [await load('encoding/o200k_base.js'), await load('encoding/cl100k_base.js')]
const { functionCallingTestCases } = await load('fixtures/functionCallingTestCases.js')

const out = []
const u8 = (n) => out.push(Buffer.from([n]))
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32LE(n); out.push(b) }
const text = (bytes) => { u32(bytes.length); out.push(bytes) }
const ordinary = { disallowedSpecial: new Set() }

function vector(kind, encoding, bytes, tokens) {
  u8(kind)
  u8(encoding)
  text(bytes)
  u32(tokens.length)
  out.push(Buffer.from(Uint32Array.from(tokens).buffer))
}

// --- 1. the published plan
const vectors = []
const plan = readFileSync(join(home, 'data', 'TestPlans.txt'), 'utf8')
const plans = /EncodingName: (\w+)\nSample: ([\s\S]*?)\nEncoded: \[([^\]]*)\]/g
for (const [, name, sample, encoded] of plan.matchAll(plans)) {
  const encoding = ['o200k_base', 'cl100k_base'].indexOf(name)
  if (encoding < 0) continue
  vectors.push(() => vector(0, encoding, Buffer.from(sample), encoded === '' ? [] : encoded.split(',').map(Number)))
}

// --- 2. random texts
let state = 20260917
const random = (n) => { // mulberry32
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) % n
}
const pick = (list) => list[random(list.length)]
const many = (max, make) => Array.from({ length: 1 + random(max) }, make).join('')
const range = (from, to) => () => String.fromCodePoint(from + random(to - from + 1))
const sources = readdirSync(join(home, 'src')).filter((f) => f.endsWith('.ts')).map((f) => readFileSync(join(home, 'src', f), 'utf8'))
  .concat(readFileSync(join(home, 'README.md'), 'utf8'), plan)
const vocabulary = encodings.map((e, i) => (i === 0 ? 199_000 : 100_000))
const token = () => { const i = random(2); return encodings[i].decode([random(vocabulary[i])]) }
const words = ['the', 'Hello', "don't", "WE'LL", "I'Ve", "they'RE", 'x', 'HTTPServer', 'fooBar', 'ÉTÉ', 'naïve', 'straße', 'Ǆ', 'ǅ', 'ʰ', 'ª',
  '日本語', 'カタカナ', '안녕하세요', 'हिन्दी', 'العربية', 'עברית', 'ไทย', 'Привет', 'ΑΒΓαβγ', '１２３', '٣٤٥', '½', 'Ⅻ', '👍🏽', '👩‍👩‍👧', '🇩🇪', 'e\u0301', '\u0301\u0302']
const blanks = [' ', ' ', ' ', '  ', '\n', '\n\n', '\r\n', '\t', '\u00a0', '\u2003', '\u3000', '\u2028', ' \n ', '\f', '\v']
const marks = ['.', ',', '!', '?', "'", '"', '/', '//', '\\', '{', '}', '(', ')', '=>', '==', '::', '->', '#', '$', '%', '&', '*', '@', '_', '-', '…', '“', '”', '。', '、', '€', '\u200d', '\u0000']
const kinds = [
  () => many(60, range(32, 126)),
  () => many(40, range(0, 127)),
  () => { const s = pick(sources); const at = random(s.length); return s.slice(at, at + 1 + random(300)) },
  () => many(12, () => pick(words) + pick([...blanks, ...marks, ''])),
  () => many(30, () => pick(pick([words, blanks, marks]))),
  () => many(40, () => pick(blanks)),
  () => many(12, token),
  () => many(60, range(0x4e00, 0x9fff)),
  () => many(40, () => pick([range(0x3040, 0x30ff), range(0x4e00, 0x4fff), range(0xac00, 0xd7a3), range(0x0900, 0x097f)])()),
  () => many(20, () => pick([range(0x1f300, 0x1faff), range(0x1f1e6, 0x1f1ff), range(0xfe00, 0xfe0f), () => '\u200d'])()),
  () => many(40, () => pick([range(0x80, 0x24f), range(0x250, 0x5ff), range(0x300, 0x36f), range(0x1e00, 0x1fff), range(0x41, 0x7a)])()),
  () => many(30, () => { const c = random(0x110000); return String.fromCodePoint(c >= 0xd800 && c < 0xe000 ? 0x41 : c) }),
  () => many(30, () => pick([range(0x41, 0x5a), range(0x61, 0x7a), range(0x300, 0x310), range(0x2b0, 0x2c0), range(0x5d0, 0x5da)])()),
  () => many(40, () => pick(["'s", "'S", "'ll", "'lL", "'r", "'re", "'", "''", 'a', 'A', ' ', '\n', '/', "'d", "'v", "'VE", '1'])),
  () => many(40, range(0x30, 0x39)) + pick(['', '.', ' ']) + many(10, range(0x30, 0x39)),
  () => pick(['a', 'ab', ' ', '=', '-', '\n', '0', 'A', '日', 'é', ' a', '/\n']).repeat(1 + random(300)),
  () => many(20, () => pick([range(0xd800, 0xdfff), range(0x61, 0x7a), range(0x4e00, 0x4eff)])()), // lone surrogates
  () => pick(['<|endoftext|>', '<|im_start|>user', '<|fim_prefix|>']) + many(5, () => pick(words)),
]
for (let i = 0; i < 9000; i++) {
  const sample = kinds[i % kinds.length]()
  if (/[\u0085\ufeff]|'ſ/.test(sample)) continue
  encodings.forEach((e, n) => vectors.push(() => vector(1, n, Buffer.from(sample), e.encode(sample, ordinary))))
}
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
for (let i = 0; i < 600; i++) { // broken UTF-8: random bytes, and valid text with bytes cut out or changed
  let bytes = i % 2 ? Buffer.from(many(12, () => pick(words))) : Buffer.alloc(1 + random(40))
  if (i % 2) for (let n = 1 + random(3); n > 0; n--) bytes[random(bytes.length)] = random(256)
  else for (let n = 0; n < bytes.length; n++) bytes[n] = pick([random(256), 0xe4 + random(4), 0x80 + random(64), 0x61])
  if (i % 3 === 0) bytes = bytes.subarray(0, random(bytes.length) + 1)
  const sample = decoder.decode(bytes)
  if (/[\u0085\ufeff]|'ſ/.test(sample)) continue
  encodings.forEach((e, n) => vectors.push(() => vector(2, n, bytes, e.encode(sample, ordinary))))
}
u32(vectors.length)
for (const write of vectors) write()

// --- 3. chats
u32(functionCallingTestCases.length)
for (const { messages, functions, tokens } of functionCallingTestCases) {
  u32(tokens)
  text(Buffer.from(functions ? JSON.stringify(functions) : ''))
  u32(messages.length)
  for (const m of messages) {
    const call = m.function_call
    for (const part of [m.role, m.content, m.name, call?.name, call?.arguments]) text(Buffer.from(part ?? ''))
    u8(call ? 1 : 0)
  }
}
writeFileSync(outPath, Buffer.concat(out))
