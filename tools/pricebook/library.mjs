// Loads the price library together with its unit registry, which it does not export.
import fs from 'node:fs'
import path from 'node:path'

export async function loadLibrary(nodeModules) {
  const root = path.join(nodeModules, '@pydantic', 'genai-prices')
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
  const source = fs.readFileSync(path.join(root, 'dist', 'index.js'), 'utf8')
  // The registry is the object literal whose first unit is audio_seconds; its name changes with every build.
  const found = /(?:\bconst|\blet|\bvar|,)\s*([\w$]+)\s*=\s*\{\s*audio_seconds\s*:\s*\{\s*dimensions\s*:/.exec(source)
  if (!found) throw new Error(`${root}: no unit registry found; the library's layout has changed`)
  const text = `${source}\nexport { ${found[1]} as tollgateUnits };\n`
  const module = await import('data:text/javascript;base64,' + Buffer.from(text).toString('base64'))
  const units = Object.entries(module.tollgateUnits).map(([usageKey, unit]) => ({
    usageKey, per: unit.per, priceKey: unit.price_key ?? usageKey, dimensions: unit.dimensions,
  }))
  const providers = await module.waitForUpdate()
  if (!Array.isArray(providers) || providers.length === 0) throw new Error(`${root}: no bundled price data`)
  return { version, units, providers, calcPrice: module.calcPrice, findProvider: module.findProvider }
}

export function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`)
  if (at > 0 && at + 1 < process.argv.length) return process.argv[at + 1]
  if (fallback !== undefined) return fallback
  throw new Error(`missing --${name}`)
}
