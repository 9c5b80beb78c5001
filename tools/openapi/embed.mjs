// Turns openapi.yaml into the JSON document and the HTML page that the program serves, as C++ string literals.
// usage: node embed.mjs NODE_MODULES openapi.yaml out.inc
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { page, style } from './page.mjs';

const [modules, source, target] = process.argv.slice(2);
const require = createRequire(resolve(modules, 'x.js'));
const { parse } = require('yaml');

const text = readFileSync(source, 'utf8');
const document = parse(text, { uniqueKeys: true });

// Literals of some kilobytes each: one of the whole size is slow to compile and beyond what the standard promises.
function literal(name, value) {
  const bytes = Buffer.from(value, 'utf8');
  let out = `constexpr std::string_view ${name}{\n`;
  for (let i = 0; i < bytes.length; i += 120) {
    let line = '';
    for (const byte of bytes.subarray(i, i + 120)) {
      if (byte === 0x22 || byte === 0x5c) line += '\\' + String.fromCharCode(byte);
      else if (byte === 0x3f) line += '\\?'; // no trigraphs
      else if (byte >= 0x20 && byte < 0x7f) line += String.fromCharCode(byte);
      else line += '\\' + byte.toString(8).padStart(3, '0');
    }
    out += `    "${line}"\n`;
  }
  return out + `    , ${bytes.length}};\n`;
}

const hash = 'sha256-' + createHash('sha256').update(style).digest('base64');
writeFileSync(target, '// Generated from docs/reference/openapi.yaml by tools/openapi/embed.mjs.\n' +
  literal('openapi_json_text', JSON.stringify(document)) +
  literal('docs_html_text', page(document)) +
  literal('docs_style_hash', hash));
