// The API document as one self-contained page: no scripts, no outside assets, light and dark.

export const style = `
:root{--bg:#fff;--fg:#1b2027;--dim:#5b6673;--line:#e3e7ec;--card:#f7f9fb;--accent:#0b63ce;--code:#eef2f6;
--get:#0a7a4b;--post:#0b63ce;--patch:#9a5b00;--delete:#b3261e}
@media (prefers-color-scheme:dark){:root{--bg:#101418;--fg:#e4e9ee;--dim:#9aa7b4;--line:#29313a;--card:#171d23;
--accent:#6db1ff;--code:#1f272f;--get:#4fd39a;--post:#6db1ff;--patch:#f0b45c;--delete:#ff8a80}}
*{box-sizing:border-box}html{scroll-behavior:smooth}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,sans-serif}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
a:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.shell{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:80rem;margin:0 auto}
nav{position:sticky;top:0;align-self:start;max-height:100vh;overflow:auto;padding:1.5rem 1rem;font-size:.9rem;
border-right:1px solid var(--line)}
nav h2{margin:1.1rem 0 .2rem;font-size:.75rem;letter-spacing:.06em;text-transform:uppercase;color:var(--dim)}
nav ul{list-style:none;margin:0;padding:0}nav li{padding:.1rem 0}
main{padding:1.5rem 2rem 6rem;min-width:0}h1{margin:.2rem 0 .4rem;font-size:1.9rem}
h2.tag{margin:3rem 0 .3rem;padding-top:1rem;border-top:1px solid var(--line);text-transform:capitalize}
.op{margin:1rem 0;border:1px solid var(--line);border-radius:.6rem;background:var(--card)}
.op>summary{cursor:pointer;padding:.65rem .9rem;display:flex;gap:.7rem;align-items:baseline;flex-wrap:wrap}
.op>div{padding:0 .9rem .9rem;border-top:1px solid var(--line)}
.m{font:700 .75rem/1.4 ui-monospace,monospace;min-width:3.6rem}
.get{color:var(--get)}.post{color:var(--post)}.patch{color:var(--patch)}.delete{color:var(--delete)}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,monospace;font-size:.86em}
code{background:var(--code);padding:.08em .3em;border-radius:.25rem}.path{background:none;padding:0;font-weight:600;overflow-wrap:anywhere}
pre{background:var(--code);padding:.7rem .9rem;border-radius:.5rem;overflow:auto}pre code{background:none;padding:0}
table{border-collapse:collapse;width:100%;font-size:.92rem;margin:.4rem 0 .8rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:600;color:var(--dim);font-size:.8rem}td:first-child{white-space:nowrap}
.dim{color:var(--dim)}h4{margin:1rem 0 .2rem;font-size:.85rem;color:var(--dim)}
.menu{display:none}
@media (max-width:52rem){.shell{display:block}.side{display:none}.menu{display:block;padding:.8rem 1rem;border-bottom:1px solid var(--line)}
.menu summary{cursor:pointer;font-weight:600}.menu nav{position:static;max-height:none;border:0;padding:.5rem 0}
main{padding:1rem}td:first-child{white-space:normal}}
`;

const escape = (s) => String(s).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
// The little Markdown that descriptions use: paragraphs, code, bold.
const inline = (s) => escape(s).replace(/`([^`]+)`/g, '<code>$1</code>').replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>');
const prose = (s) => (s ? s.trim().split(/\n\s*\n/).map((p) => `<p>${inline(p)}</p>`).join('') : '');
const methods = ['get', 'post', 'patch', 'put', 'delete'];

export function page(doc) {
  const resolve = (node) => {
    while (node && node.$ref) {
      const extra = { ...node };
      delete extra.$ref;
      node = { ...node.$ref.slice(2).split('/').reduce((at, key) => at[key], doc), ...extra };
    }
    return node;
  };
  const nameOf = (node) => node.$ref?.split('/').pop();

  function typeText(schema) {
    const name = nameOf(schema);
    if (name && resolve(schema).properties) return `<a href="#schema-${name}">${name}</a>`;
    const s = resolve(schema);
    if (s.enum) return s.enum.map((v) => `<code>${escape(v)}</code>`).join(' ');
    if (s.oneOf) return s.oneOf.map(typeText).join(' or ');
    const type = [].concat(s.type ?? 'any').join(' or ');
    if (type === 'array' && s.items) return `array of ${typeText(s.items)}`;
    return name ? `${escape(name.toLowerCase())} (${escape(type)})` : escape(type) + (s.format ? ` (${escape(s.format)})` : '');
  }
  const remark = (s) => {
    const bits = [];
    if (s.description) bits.push(inline(s.description));
    if (s.default !== undefined) bits.push(`default <code>${escape(JSON.stringify(s.default))}</code>`);
    if (s.minimum !== undefined || s.maximum !== undefined) bits.push(`${s.minimum ?? ''}…${s.maximum ?? ''}`);
    return bits.join('; ');
  };
  function table(rows, first = 'Name') {
    return `<table><thead><tr><th>${first}</th><th>Type</th><th>Meaning</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
  }
  function fields(schema) {
    const s = resolve(schema);
    return table(Object.entries(s.properties).map(([name, child]) =>
      `<tr><td><code>${escape(name)}</code>${(s.required ?? []).includes(name) ? '' : ' <span class="dim">optional</span>'}</td>` +
      `<td>${typeText(child)}</td><td>${remark(resolve(child))}</td></tr>`));
  }

  function operation(path, method, op) {
    const parts = [prose(op.description)];
    const open = Array.isArray(op.security) && op.security.length === 0;
    const byKey = op.security?.some((s) => s.api_key);
    parts.push(`<p class="dim">${open ? 'Open to anyone.' : byKey ? 'API key' + (op['x-scope'] ? `, or a token with scope <code>${op['x-scope']}</code>.` : '.')
      : op['x-scope'] ? `Scope <code>${op['x-scope']}</code>.` : 'Any valid token.'}</p>`);
    const parameters = (op.parameters ?? []).map(resolve);
    if (parameters.length)
      parts.push('<h4>Parameters</h4>' + table(parameters.map((p) =>
        `<tr><td><code>${escape(p.name)}</code> <span class="dim">${p.in}${p.required ? ', required' : ''}</span></td>` +
        `<td>${typeText(p.schema)}</td><td>${remark({ ...resolve(p.schema), description: p.description })}</td></tr>`)));
    const body = op.requestBody?.content?.['application/json'];
    if (body) {
      parts.push(`<h4>Body ${nameOf(body.schema) ? `<a href="#schema-${nameOf(body.schema)}">${nameOf(body.schema)}</a>` : ''}</h4>`);
      if (body.example) parts.push(`<pre><code>${escape(JSON.stringify(body.example, null, 2))}</code></pre>`);
    }
    parts.push('<h4>Answers</h4>' + table(Object.entries(op.responses).map(([status, response]) => {
      const r = resolve(response);
      const [media, content] = Object.entries(r.content ?? {})[0] ?? [];
      return `<tr><td><code>${status}</code></td><td>${content ? typeText(content.schema) : ''}</td><td>${inline(r.description)}` +
        `${media ? ` <span class="dim">${escape(media)}</span>` : ''}</td></tr>`;
    }), 'Status'));
    return `<details class="op" id="${op.operationId}"><summary><span class="m ${method}">${method.toUpperCase()}</span>` +
      `<code class="path">${escape(path)}</code><span>${inline(op.summary)}</span></summary><div>${parts.join('')}</div></details>`;
  }

  const all = Object.entries(doc.paths).flatMap(([path, item]) =>
    methods.filter((m) => item[m]).map((m) => ({ path, method: m, op: item[m], tag: item[m].tags[0] })));
  const schemas = Object.entries(doc.components.schemas).filter(([name, s]) => s.properties && !name.endsWith('List'));
  const nav = doc.tags.map((tag) => `<h2>${escape(tag.name)}</h2><ul>` + all.filter((o) => o.tag === tag.name)
    .map((o) => `<li><a href="#${o.op.operationId}">${inline(o.op.summary)}</a></li>`).join('') + '</ul>').join('') +
    '<h2>Shapes</h2><ul><li><a href="#shapes">All shapes</a></li></ul>';
  const sections = doc.tags.map((tag) => `<h2 class="tag" id="tag-${tag.name}">${escape(tag.name)}</h2>${prose(tag.description)}` +
    all.filter((o) => o.tag === tag.name).map((o) => operation(o.path, o.method, o.op)).join('')).join('');
  const shapes = schemas.map(([name, s]) =>
    `<details class="op" id="schema-${name}"><summary><code class="path">${name}</code></summary><div>${prose(s.description)}${fields(s)}</div></details>`).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">` +
    `<meta name="color-scheme" content="light dark"><title>${escape(doc.info.title)}</title><style>${style}</style></head><body><div class="shell">` +
    // Twice, one of them shown: no style sheet opens a closed <details> for wide screens in every browser.
    `<details class="menu"><summary>Endpoints</summary><nav aria-label="Endpoints">${nav}</nav></details>` +
    `<nav class="side" aria-label="Endpoints"><a href="#top"><strong>${escape(doc.info.title)}</strong></a>${nav}</nav>` +
    `<main id="top"><h1>${escape(doc.info.title)}</h1><p class="dim">${inline(doc.info.summary)} Machine-readable: <a href="/openapi.json">/openapi.json</a></p>` +
    `${prose(doc.info.description)}${sections}<h2 class="tag" id="shapes">Shapes</h2>${shapes}</main></div></body></html>\n`;
}
