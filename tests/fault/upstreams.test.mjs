// Upstreams that stall, break, lie and never end: every call ends, is charged by the rule, and leaves nothing held.
import { after, afterEach, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nanos, requirePackage, startTollgate, toml, until } from "../e2e/lib/tollgate.mjs";
import { accountOf, checkBooks, usd } from "../e2e/lib/money.mjs";
import { completion, delta, DONE, startUpstream, tokens, usageChunk } from "../e2e/lib/upstream.mjs";
import { allRecords, costs, price } from "./lib/load.mjs";
import { clean } from "./lib/verify.mjs";

const { encodeChat } = requirePackage("gpt-tokenizer/model/gpt-4o");
const { encode } = requirePackage("gpt-tokenizer/encoding/o200k_base");
const messages = [{ role: "user", content: "hi" }];
const prompt = encodeChat(messages, "gpt-4o").length;
const data = mkdtempSync(join(tmpdir(), "tollgate-upstreams-"));
let upstream, server, customer, balance;

before(async () => {
  upstream = await startUpstream();
  const targets = [{ provider: "up", model: "gpt-4o" }];
  server = await startTollgate({
    data,
    config: toml({
      provider: [{ name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" }],
      model: [
        { name: "gpt-4o", targets, price },
        { name: "dear", targets, price: { input: "1", output: "1000" } },
      ],
      timeouts: { first_byte_ms: 400, idle_ms: 400, deadline_ms: 1000 },
      routing: { attempts_max: 1, breaker_failures: 1000, breaker_error_percent: 101 },
      log: { level: "warn" },
    }),
  });
  customer = await server.customer({ credit: "1000" });
  balance = nanos("1000");
});
after(async () => {
  await clean({ data });
  assert.deepEqual(await server.stop({ keep: true }), { code: 0, signal: null });
  await clean({ data });
  await upstream.stop();
  rmSync(data, { recursive: true, force: true });
});

/**
 * One call; resolves {status, id, text, broken, record}. `broken` = the answer did not come to its announced end. The
 * script's second argument resolves when the caller has received a text.
 */
async function call(script, { stream = false, model = "gpt-4o", who = customer, max_tokens = 100 } = {}) {
  const told = { text: "", broken: false };
  const heard = (text) => until(() => told.text.includes(text), `the caller to hear ${text}`);
  upstream.next(async (it) => {
    it.response.on("error", () => {});
    await script(it, heard);
  });
  const response = await fetch(`${server.gateway}/v1/chat/completions`, {
    method: "POST", headers: { authorization: `Bearer ${who.key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, stream, max_tokens, messages }),
  });
  told.status = response.status;
  told.id = response.headers.get("x-request-id");
  const decoder = new TextDecoder();
  try {
    for await (const part of response.body) told.text += decoder.decode(part, { stream: true });
  } catch {
    told.broken = true;
  }
  told.record = await server.record(told.id);
  return told;
}
/** The record is as expected, its charge is the expected amount, and nothing stays held. */
async function books(told, fields, charge) {
  for (const [name, value] of Object.entries(fields)) assert.deepEqual(told.record[name], value, `record.${name} of ${JSON.stringify(told.record)}`);
  if (charge !== undefined) assert.equal(told.record.charge, usd(charge), JSON.stringify(told.record));
  balance -= nanos(told.record.charge);
  const account = await until(async () => {
    const now = await accountOf(server, customer);
    return now.held === "0" && now;
  }, "nothing held");
  assert.equal(account.balance, usd(balance));
}
const failed = { outcome: "upstream_error", usage_source: "none" };
const partial = { outcome: "upstream_partial", usage_source: "counted", streamed: true, status: 200 };
afterEach(async () => {
  const told = await call((it) => it.reply(200, completion("x", tokens(1, 1))));
  assert.equal(told.status, 200, "the next call is served");
  await books(told, { outcome: "success" }, costs(1, 1));
});

describe("before the first byte nothing is charged", () => {
  for (const stream of [false, true]) {
    const what = stream ? "stream" : "answer";
    test(`${what}: stalls`, async () => {
      const told = await call((it) => it.gone, { stream });
      assert.equal(told.status, 504);
      await books(told, { ...failed, status: 504 }, 0n);
    });
    test(`${what}: resets`, async () => {
      const told = await call((it) => it.reset(), { stream });
      assert.equal(told.status, 502);
      await books(told, { ...failed, status: 502 }, 0n);
    });
    test(`${what}: sends no HTTP`, async () => {
      for (const bytes of ["\x00\x01\x02", "HTTP/9.9 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nbad header\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"]) {
        const told = await call((it) => it.raw(bytes), { stream });
        assert.equal(told.status, 502, JSON.stringify(bytes));
        await books(told, { ...failed, status: 502 }, 0n);
      }
    });
    test(`${what}: a head without an end`, async () => {
      const told = await call((it) => it.socket.write(`HTTP/1.1 200 OK\r\n${`x-filler: ${"y".repeat(1000)}\r\n`.repeat(2000)}`) && it.gone, { stream });
      assert.ok([502, 504].includes(told.status));
      await books(told, failed, 0n);
    });
    test(`${what}: gzip although not asked for`, async () => {
      const told = await call((it) => it.reply(200, gzipSync(JSON.stringify(completion("x", tokens(5, 5)))), { "content-encoding": "gzip" }), { stream });
      assert.equal(told.status, 502);
      await books(told, failed, 0n);
    });
  }
  test("an answer that breaks off is not passed on", async () => {
    const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    const body = JSON.stringify(completion("x", tokens(5, 5)));
    for (const bytes of [`${head}content-length: ${body.length + 10}\r\n\r\n${body}`, `${head}transfer-encoding: chunked\r\n\r\nzz\r\n${body}\r\n`, `${head}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n`]) {
      const told = await call((it) => it.raw(bytes));
      assert.equal(told.status, 502, bytes);
      await books(told, failed, 0n);
    }
  });
});

describe("a stream that fails after its first byte is charged what was delivered", () => {
  const begin = async (it) => {
    it.stream();
    for (const word of [" one", " two", " three"]) await it.send(delta(word));
  };
  const spoken = encode(" one two three").length;
  for (const [what, end] of [
    ["stalls", (it) => it.gone],
    ["resets", (it) => it.reset()],
    ["closes without the last chunk", (it) => it.socket.end()],
    ["breaks its chunking", (it) => it.socket.end("zz\r\nhello\r\n")],
  ])
    test(what, async () => {
      const told = await call(async (it, heard) => {
        await begin(it);
        await heard(" three");
        await end(it);
      }, { stream: true });
      assert.equal(told.status, 200);
      for (const word of ["one", "two", "three"]) assert.ok(told.text.includes(`" ${word}"`), told.text);
      assert.ok(told.broken || told.text.includes("error"), "the caller is told");
      await books(told, partial, costs(prompt, spoken));
    });
});

describe("usage is taken as the provider means it", () => {
  test("none: counted here", async () => {
    await books(await call((it) => it.reply(200, completion("one two three"))), { outcome: "success", usage_source: "counted" }, costs(prompt, encode("one two three").length));
    await books(await call((it) => it.events(delta("one"), delta(" two", "stop"), DONE), { stream: true }), { outcome: "success", usage_source: "counted" }, costs(prompt, 2));
  });
  test("zero is zero", async () => {
    await books(await call((it) => it.reply(200, completion("one", tokens(0, 0)))), { outcome: "success", usage_source: "provider" }, 0n);
    await books(await call((it) => it.events(delta("one", "stop"), usageChunk(tokens(0, 0)), DONE), { stream: true }), { outcome: "success", usage_source: "provider" }, 0n);
  });
  test("twice in a stream: the last one, once", async () => {
    const told = await call((it) => it.events(delta("one"), usageChunk(tokens(10, 1)), delta("two", "stop"), usageChunk(tokens(10, 2)), DONE), { stream: true });
    await books(told, { outcome: "success", usage_source: "provider" }, costs(10, 2));
  });
  test("running totals with every chunk: the last one, once", async () => {
    const told = await call((it) => it.events(...[1, 2, 3, 4].map((n) => delta("x", n === 4 ? "stop" : null, { usage: tokens(10, n) })), DONE), { stream: true });
    await books(told, { outcome: "success", usage_source: "provider" }, costs(10, 4));
  });
  test("null in every chunk but the last", async () => {
    const told = await call((it) => it.events(delta("x", null, { usage: null }), delta("y", "stop", { usage: null }), usageChunk(tokens(3, 2)), DONE), { stream: true });
    await books(told, { outcome: "success", usage_source: "provider" }, costs(3, 2));
  });
  test("negative: clamped to zero", async () => {
    await books(await call((it) => it.reply(200, completion("x", { prompt_tokens: -5, completion_tokens: 3, total_tokens: -2 }))), { outcome: "success" }, costs(0, 3));
  });
  for (const [what, usage] of [
    ["texts", { prompt_tokens: "7", completion_tokens: "3" }],
    ["fractions", { prompt_tokens: 7.5, completion_tokens: 3.5 }],
    ["objects", { prompt_tokens: {}, completion_tokens: [] }],
    ["another shape", [1, 2, 3]],
  ])
    test(`${what} in place of numbers: the call is served and its charge small`, async () => {
      for (const stream of [false, true]) {
        const told = await call((it) => stream ? it.events(delta("x", "stop"), usageChunk(usage), DONE) : it.reply(200, completion("x", usage)), { stream });
        assert.equal(told.status, 200);
        assert.ok(nanos(told.record.charge) <= costs(50, 50), told.record.charge);
        await books(told, { outcome: "success" });
      }
    });
  for (const number of ["1000000000000", "1000000000001", "9223372036854775807", "9223372036854775808", "1e30", "1e400", "99999999999999999999999999"])
    test(`absurd usage (${number} tokens): served, and no fortune is charged`, async () => {
      for (const stream of [false, true])
        for (const field of ["prompt_tokens", "completion_tokens"]) {
          const usage = `{"prompt_tokens":5,"completion_tokens":5,"total_tokens":10}`.replace(`"${field}":5`, `"${field}":${number}`);
          const told = await call((it) => stream ? it.events(delta("x", "stop"), usageChunk("USAGE").replace('"USAGE"', usage), DONE)
            : it.reply(200, JSON.stringify(completion("x", {})).replace('"usage":{}', `"usage":${usage}`)), { stream });
          assert.equal(told.status, 200, told.text);
          assert.ok(nanos(told.record.charge) <= nanos("1"), `${told.record.charge} for ${number} ${field}`);
          await books(told, { outcome: "success" });
        }
    });
});

describe("what never ends", () => {
  test("a stream is cut where the credit ends, within one interval, and its upstream is let go", async () => {
    const poor = await server.customer({ credit: "2" }); // 2,000 tokens of the dear model
    let gone = false, sent = 0;
    const told = await call(async (it) => {
      it.stream();
      it.gone.then(() => (gone = true));
      while (!gone) {
        await it.send(delta(" word".repeat(20)));
        sent += 20;
        await new Promise(setImmediate);
      }
    }, { stream: true, model: "dear", who: poor, max_tokens: undefined });
    assert.equal(told.record.outcome, "credit_exhausted");
    assert.match(told.text, /credit_exhausted|"finish_reason":"length"/);
    await until(() => gone, "the upstream to be let go");
    const interval = 256n * nanos("0.001");
    assert.ok(nanos(told.record.charge) >= nanos("1") && nanos(told.record.charge) <= nanos("2") + interval, told.record.charge);
    const account = await until(async () => {
      const now = await accountOf(server, poor);
      return now.held === "0" && now;
    }, "nothing held");
    assert.equal(nanos(account.balance), nanos("2") - nanos(told.record.charge));
    const said = told.text.split(" word").length - 1;
    assert.ok(BigInt(said) * nanos("0.001") <= nanos("2") + interval, `${said} words delivered`);
    await checkBooks(server, poor);
  });

  test("an event without an end is passed on and bounded in memory", async () => {
    const before = rss();
    const told = await call(async (it) => {
      it.stream();
      await it.send(`data: {"choices":[{"index":0,"delta":{"content":"`);
      for (let i = 0; i < 640; i++) await it.send("a".repeat(65_536));
      it.end(`"}}]}\n\n${usageChunk(tokens(5, 9))}${DONE}`);
    }, { stream: true });
    assert.equal(told.status, 200);
    assert.ok(rss() - before < 100 << 20, `grew by ${(rss() - before) >> 20} MiB`);
    await books(told, { outcome: "success" });
  });

  test("a large answer that stops half-way is charged by the size of what was delivered", async () => {
    const told = await call(async (it) => {
      it.response.writeHead(200, { "content-type": "application/json" });
      await it.send(`{"choices":[{"index":0,"message":{"role":"assistant","content":"${"word ".repeat(400_000)}`);
      await it.gone;
    }, { max_tokens: 200 });
    assert.ok(told.broken);
    await books(told, { status: 200, outcome: "upstream_partial", usage_source: "estimated" }, costs(prompt, 200));
  });

  test("an answer of 120 MB arrives whole, is charged, and is not kept in memory for long", async () => {
    const before = rss();
    const filler = "word ".repeat(13_000), parts = 1850; // 120 MB
    upstream.next(async (it) => {
      it.response.writeHead(200, { "content-type": "application/json" });
      await it.send(`{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"`);
      for (let i = 0; i < parts; i++) await it.send(filler);
      it.end(`"}}],"usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33}}`);
    });
    const response = await fetch(`${server.gateway}/v1/chat/completions`, {
      method: "POST", headers: { authorization: `Bearer ${customer.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-4o", max_tokens: 100, messages }),
    });
    let size = 0;
    for await (const part of response.body) size += part.length;
    assert.ok(size > parts * filler.length);
    const record = await server.record(response.headers.get("x-request-id"));
    // Too large to be kept, so its usage was not found: its size says more than the answer was allowed to have.
    await books({ record }, { status: 200, outcome: "success", usage_source: "estimated" }, costs(prompt, 100));
    assert.ok(rss() - before < 300 << 20, `grew by ${(rss() - before) >> 20} MiB`);
  });
});

/** Resident memory of the gateway, in bytes. */
function rss() {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]) * 1024;
}

test("the whole day in the books", async () => {
  const records = await allRecords(server, customer);
  const sum = records.reduce((total, record) => total + nanos(record.charge), 0n);
  assert.equal((await accountOf(server, customer)).balance, usd(nanos("1000") - sum));
  await checkBooks(server, customer);
});
