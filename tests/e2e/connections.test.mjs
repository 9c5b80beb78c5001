// How the listeners behave towards the clients and networks there are: TLS, proxies, pipelining, slow and vanishing callers.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { Agent, request as httpsRequest } from "node:https";
import { connect as tlsConnect } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killAll, nanos, startTollgate, toml, until } from "./lib/tollgate.mjs";
import { Books, checkBooks, usd } from "./lib/money.mjs";
import { completion, delta, DONE, signal, startUpstream, tokens, usageChunk } from "./lib/upstream.mjs";

const price = { input: "1", output: "10" };
const folder = mkdtempSync(join(tmpdir(), "tollgate-connections-"));
let upstream, server, customer, books;
const declared = () => ({
  provider: [{ name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" }],
  model: [{ name: "m", targets: [{ provider: "up", model: "m-1" }], price }],
});

before(async () => {
  upstream = await startUpstream();
  server = await startTollgate({
    config: toml({ trusted_proxies: ["127.0.0.0/8"], timeouts: { head_ms: 400, body_ms: 400, keep_alive_ms: 5000 }, gateway: { max_head_bytes: 8192 }, ...declared() }),
  });
  customer = await server.customer({ credit: "5" });
  books = new Books(server, customer, "5");
});
after(async () => {
  await server?.stop();
  killAll();
  await upstream?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const body = JSON.stringify({ model: "m", max_tokens: 10, messages: [{ role: "user", content: "hi" }] });
const head = (extra = "", length = body.length) =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer ${customer.key}\r\ncontent-type: application/json\r\n${extra}content-length: ${length}\r\n\r\n`;

/** A raw connection: text so far, a promise for what a pattern matches, and one for its end. */
function raw(origin = server.gateway) {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  const link = { socket, text: "", closed: new Promise((resolve) => socket.on("close", resolve)) };
  socket.on("data", (data) => (link.text += data.toString("latin1")));
  socket.on("error", () => {});
  link.saw = (pattern, what = `${pattern}`) => until(() => pattern.exec(link.text), what, 10_000);
  return link;
}
/** The payload of a chunked answer. */
function dechunked(text) {
  const parts = [];
  for (let at = text.indexOf("\r\n\r\n") + 4; ;) {
    const end = text.indexOf("\r\n", at), size = parseInt(text.slice(at, end), 16);
    if (!(size > 0)) return parts.join("");
    parts.push(text.slice(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
const idsIn = (text) => [...text.matchAll(/x-request-id: (\S+)/gi)].map((match) => match[1]);

test("a client that asks first whether it may send its body is told to go on", async () => {
  upstream.next([200, completion("x", tokens(3, 1))]);
  const link = raw();
  link.socket.write(head("expect: 100-continue\r\n"));
  await link.saw(/^HTTP\/1\.1 100 [^\r]*\r\n\r\n/);
  link.socket.write(body);
  await link.saw(/HTTP\/1\.1 200 /);
  await link.saw(/"total_tokens":4/);
  link.socket.destroy();
  await books.paid(idsIn(link.text)[0], { price, usage: { input: 3, output: 1 } });
});

test("pipelined requests are answered in order, each charged once", async () => {
  for (const n of [1, 2, 3]) upstream.next([200, completion(`answer ${n}`, tokens(n, n))]);
  const link = raw();
  link.socket.write((head() + body).repeat(3));
  await link.saw(/answer 3/);
  assert.ok(link.text.indexOf("answer 1") < link.text.indexOf("answer 2") && link.text.indexOf("answer 2") < link.text.indexOf("answer 3"));
  link.socket.destroy();
  const ids = idsIn(link.text);
  assert.equal(new Set(ids).size, 3);
  for (const id of ids) await server.record(id);
  books.balance -= 6n * 1000n + 6n * 10_000n;
  books.charged += 3;
  await books.untouched();
});

test("a request in single bytes is the same request", async () => {
  upstream.next([200, completion("slow typist", tokens(2, 2))]);
  const link = raw();
  link.socket.setNoDelay(true);
  for (const character of head() + body) await new Promise((sent) => link.socket.write(character, sent));
  await link.saw(/slow typist/);
  link.socket.destroy();
  await books.paid(idsIn(link.text)[0], { price, usage: { input: 2, output: 2 } });
});

test("a chunked request body is read and sent on whole", async () => {
  upstream.next([200, completion("chunks", tokens(2, 1))]);
  const link = raw();
  link.socket.write(head().replace(/content-length: \d+/, "transfer-encoding: chunked"));
  for (const part of [body.slice(0, 9), body.slice(9, 10), body.slice(10)]) link.socket.write(`${part.length.toString(16)}\r\n${part}\r\n`);
  link.socket.write("0\r\n\r\n");
  await link.saw(/chunks/);
  link.socket.destroy();
  assert.equal(upstream.last.text, body.replace('"m"', '"m-1"'));
  await books.paid(idsIn(link.text)[0], { price, usage: { input: 2, output: 1 } });
});

test("callers who are slow to send a head or a body are not waited for", async () => {
  const slowHead = raw();
  slowHead.socket.write("POST /v1/chat/completions HTTP/1.1\r\nhost: ga");
  await slowHead.closed;
  assert.match(slowHead.text, /^(HTTP\/1\.1 408 [\s\S]*)?$/);
  const slowBody = raw();
  slowBody.socket.write(head("", 5000) + body);
  await slowBody.closed;
  assert.match(slowBody.text, /^HTTP\/1\.1 408 /);
  await books.untouched();
});

test("a head over the limit is a 431", async () => {
  const link = raw();
  link.socket.write(`GET /v1/models HTTP/1.1\r\nhost: gate\r\nx-long: ${"x".repeat(9000)}\r\n\r\n`);
  await link.closed;
  assert.match(link.text, /^HTTP\/1\.1 431 /);
});

test("the caller's address is what the trusted proxy says, and the allow-list holds for it", async () => {
  upstream.next([200, completion("x", tokens(1, 1))]);
  const answer = await server.call(customer.key, "/v1/chat/completions", body, { "x-forwarded-for": "203.0.113.9, 127.0.0.5", "x-session-id": "s-1" });
  const record = await books.paid(answer.id, { price, usage: { input: 1, output: 1 }, headers: answer.headers, client_ip: "203.0.113.9", session: "s-1" });
  assert.ok(record);
  const narrow = await server.customer({ credit: "1", key: { allowed_ips: ["203.0.113.0/24"] } });
  assert.equal((await server.call(narrow.key, "/v1/chat/completions", body, { "x-forwarded-for": "198.51.100.1" })).status, 403);
  assert.equal((await server.call(narrow.key, "/v1/chat/completions", body, { "x-forwarded-for": "203.0.113.7, 198.51.100.1" })).status, 403, "what stands left of a stranger is the stranger's word");
  upstream.next([200, completion("x", tokens(1, 1))]);
  assert.equal((await server.call(narrow.key, "/v1/chat/completions", body, { "x-forwarded-for": "203.0.113.7" })).status, 200);
});

test("without trusted proxies nobody can choose an address", async () => {
  const plain = await startTollgate({ config: toml(declared()) });
  try {
    const one = await plain.customer({ key: { allowed_ips: ["203.0.113.0/24"] } });
    const answer = await plain.call(one.key, "/v1/chat/completions", body, { "x-forwarded-for": "203.0.113.7" });
    assert.equal(answer.status, 403);
  } finally {
    await plain.stop();
  }
});

test("a caller who vanishes before the answer has still been served: charged once, nothing held", async () => {
  const here = signal(), go = signal();
  upstream.next(async (call) => {
    here.resolve();
    await go.promise;
    call.reply(200, completion("nobody there", tokens(9, 9)));
  });
  const link = raw();
  link.socket.write(head() + body);
  await here.promise;
  link.socket.destroy();
  await link.closed;
  go.resolve();
  books.balance -= 9n * 1000n + 9n * 10_000n;
  books.charged++;
  await until(async () => (await server.must("GET", `/api/accounts/${customer.account}`)).balance === usd(books.balance), "the charge");
  await until(async () => books.untouched().then(() => true), "the record");
});

test("a caller who reads slowly slows the provider down, and loses nothing", async () => {
  const piece = "x".repeat(8000), count = 2000;
  await server.must("POST", `/api/accounts/${customer.account}/credit`, { amount: "100", kind: "purchase", reference: "long stream" });
  books.balance += nanos("100"); // so much text is counted, and held, as millions of tokens
  let written = 0;
  upstream.next(async (call) => {
    call.stream();
    for (; written < count; written++) await call.send(delta(piece));
    call.end(delta(null, "stop") + usageChunk(tokens(1, 100)) + DONE);
  });
  const streaming = JSON.stringify({ model: "m", stream: true, max_tokens: 400_000, messages: [{ role: "user", content: "hi" }] });
  const link = raw();
  link.socket.pause();
  link.socket.write(head("", streaming.length) + streaming);
  await upstream.arrived(upstream.calls.length);
  let last = -1;
  await until(async () => { // full buffers everywhere: the provider makes no progress any more
    const stuck = written > 0 && written === last;
    last = written;
    await new Promise((next) => setTimeout(next, 150));
    return stuck;
  }, "the provider to be held back");
  assert.ok(written < count, `${written} of ${count} pieces were taken from the provider though nobody read`);
  link.socket.resume();
  await link.saw(/data: \[DONE\]/);
  link.socket.destroy();
  const got = dechunked(link.text), want = delta(piece).repeat(count) + delta(null, "stop") + DONE;
  const differs = [...want].findIndex((character, i) => character !== got[i]);
  assert.equal(differs, -1, `${got.length} of ${want.length} bytes; at ${differs}: ${got.slice(differs - 300, differs + 300)}`);
  assert.equal(got.length, want.length);
  await books.paid(idsIn(link.text)[0], { price, usage: { input: 1, output: 100 } });
});

test("connections over the limit are told so, and places come back", async () => {
  const small = await startTollgate({ config: toml({ gateway: { max_connections: 3 }, ...declared() }), args: ["--threads", "1"] });
  try {
    const links = Array.from({ length: 3 }, () => raw(small.gateway));
    for (const link of links) link.socket.write("GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
    for (const link of links) await link.saw(/healthy/);
    const over = raw(small.gateway);
    over.socket.write("GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
    await over.closed;
    assert.match(over.text, /^(HTTP\/1\.1 503 [\s\S]*)?$/);
    links[0].socket.destroy();
    await until(async () => {
      const next = raw(small.gateway);
      next.socket.write("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
      await next.closed;
      return /healthy/.test(next.text);
    }, "a place");
    for (const link of links) link.socket.destroy();
  } finally {
    await small.stop();
  }
});

test("TLS on both listeners, modern versions only, and a new certificate without a restart", async () => {
  const certificate = (name, serial) => execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", `/CN=${name}`,
    "-addext", "subjectAltName=IP:127.0.0.1", "-set_serial", String(serial), "-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")], { stdio: "pipe" });
  certificate("first", 1);
  const data = join(folder, "tls-data"), file = join(folder, "tls.toml");
  writeFileSync(file, toml({ tls_cert: join(folder, "cert.pem"), tls_key: join(folder, "key.pem"), ...declared() }));
  const { spawn } = await import("node:child_process");
  const { binary, ADMIN_TOKEN } = await import("./lib/tollgate.mjs");
  const child = spawn(binary, ["serve", "--data", data, "--gateway", "127.0.0.1:0", "--console", "127.0.0.1:0", "--config", file], { env: { TOLLGATE_ADMIN_TOKEN: ADMIN_TOKEN }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (part) => (output += part));
  child.stderr.on("data", (part) => (output += part));
  try {
    const info = await until(() => JSON.parse(readFileSync(join(data, "server.json"), "utf8")), "the server");
    assert.equal(info.tls, true);
    const agent = new Agent({ ca: readFileSync(join(folder, "cert.pem")) });
    const get = (address, path) => new Promise((resolve, reject) => httpsRequest(`https://${address}${path}`, { agent }, (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part)).on("end", () => resolve({ status: answer.statusCode, text }));
    }).on("error", reject).end());
    for (const address of [info.gateway, info.console]) assert.deepEqual(await get(address, "/health"), { status: 200, text: '{"status":"healthy"}' });
    const [host, port] = info.gateway.split(":");
    const serial = () => new Promise((resolve, reject) => {
      const socket = tlsConnect({ host, port: Number(port), rejectUnauthorized: false }, () => resolve(socket.getPeerCertificate().subject.CN) || socket.destroy());
      socket.on("error", reject);
    });
    await assert.rejects(new Promise((resolve, reject) => tlsConnect({ host, port: Number(port), rejectUnauthorized: false, minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }, resolve).on("error", reject)));
    assert.equal(await serial(), "first");
    certificate("second", 2);
    child.kill("SIGHUP");
    await until(async () => (await serial()) === "second", `the new certificate: ${output}`, 10_000);
    agent.destroy();
  } finally {
    child.kill("SIGTERM");
    await new Promise((resolve) => child.on("close", resolve));
  }
});

test("with durability for power cuts the paid path is the same", async () => {
  const safe = await startTollgate({ config: toml({ gateway: { durability: "power" }, ...declared() }) });
  try {
    const one = await safe.customer({ credit: "1" });
    const own = new Books(safe, one, "1");
    upstream.next([200, completion("x", tokens(7, 3))]);
    const answer = await safe.call(one.key, "/v1/chat/completions", body);
    await own.paid(answer.id, { price, usage: { input: 7, output: 3 }, headers: answer.headers });
    upstream.next((call) => call.events(delta("x", "stop"), usageChunk(tokens(7, 1)), DONE));
    const stream = await safe.call(one.key, "/v1/chat/completions", { model: "m", stream: true, messages: [] });
    await own.paid(stream.id, { price, usage: { input: 7, output: 1 } });
    const fifty = await Promise.all(Array.from({ length: 50 }, () => {
      upstream.next([200, completion("x", tokens(1, 1))]);
      return safe.call(one.key, "/v1/chat/completions", body);
    }));
    assert.ok(fifty.every((reply) => reply.status === 200));
    assert.equal((await checkBooks(safe, one)).balance, own.balance - 50n * 11_000n);
  } finally {
    await safe.stop();
  }
});

test("a drain that runs out of time cuts the stream, charges what was delivered, and exits 0", async () => {
  const data = join(folder, "drain-data");
  const config = toml({ gateway: { drain_seconds: 1 }, ...declared() });
  let short = await startTollgate({ data, config });
  const one = await short.customer({ credit: "1" });
  upstream.next(async (call) => {
    call.stream();
    await call.send(delta("three little words"));
    await call.gone;
  });
  const response = await fetch(`${short.gateway}/v1/chat/completions`, { method: "POST", headers: { authorization: `Bearer ${one.key}`, "content-type": "application/json" }, body: JSON.stringify({ model: "m", stream: true, messages: [] }) });
  const reader = response.body.getReader();
  await reader.read();
  assert.deepEqual(await short.stop({ keep: true }), { code: 0, signal: null });
  await reader.cancel().catch(() => {});
  short = await startTollgate({ data, config });
  try {
    const record = await short.record(response.headers.get("x-request-id"));
    const account = await short.must("GET", `/api/accounts/${one.account}`);
    assert.equal(account.held, "0");
    assert.equal(nanos(account.balance), nanos("1") - nanos(record.charge));
    assert.ok(nanos(record.charge) <= 200_000n, record.charge);
    await checkBooks(short, one);
  } finally {
    await short.stop();
  }
});
