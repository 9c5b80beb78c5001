// Callers that vanish at every chunk of a stream, and a thousand that race for the last cents.
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nanos, requirePackage, startTollgate, toml, until } from "../e2e/lib/tollgate.mjs";
import { accountOf, checkBooks, usd } from "../e2e/lib/money.mjs";
import { completion, delta, DONE, signal, startUpstream, tokens, usageChunk } from "../e2e/lib/upstream.mjs";
import { allRecords, costs, price } from "./lib/load.mjs";
import { clean } from "./lib/verify.mjs";

const { encodeChat } = requirePackage("gpt-tokenizer/model/gpt-4o");
const messages = [{ role: "user", content: "hi" }];
const prompt = encodeChat(messages, "gpt-4o").length;
const data = mkdtempSync(join(tmpdir(), "tollgate-callers-"));
let upstream, server;

before(async () => {
  upstream = await startUpstream();
  const targets = [{ provider: "up", model: "gpt-4o" }];
  server = await startTollgate({
    data,
    config: toml({
      provider: [{ name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" }],
      model: [
        { name: "drained", targets, price },
        { name: "cancelled", targets, price, cancel_on_disconnect: true },
        { name: "dear", targets, price: { input: "100", output: "10000" } },
      ],
      timeouts: { drain_max_ms: 700, idle_ms: 1500 },
      log: { level: "warn" },
    }),
  });
});
after(async () => {
  await clean({ data });
  await server?.stop({ keep: true });
  await clean({ data });
  await upstream?.stop();
  rmSync(data, { recursive: true, force: true });
});

describe("a caller vanishes", () => {
  const chunks = 12;
  /**
   * A stream of one-word chunks, each sent when the one before it has arrived; the caller resets the connection after
   * `k` of them. `rest` is what the upstream does then. Resolves the record, and how much the upstream sent meanwhile.
   */
  async function vanish(customer, model, k, rest) {
    const gone = signal();
    const steps = Array.from({ length: chunks + 1 }, signal);
    let sent = 0;
    upstream.next(async (call) => {
      call.stream();
      call.response.on("error", () => {});
      for (; sent < k; ) {
        await call.send(delta(" word"));
        sent++;
        await steps[sent].promise;
      }
      if (k === 0) await call.send(": hello\n\n");
      await gone.promise;
      await rest(call, (text) => (sent++, call.send(delta(text))));
    });
    const { hostname, port } = new URL(server.gateway);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    const body = JSON.stringify({ model, user: `${model}-${k}`, stream: true, max_tokens: 300, messages });
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer ${customer.key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    let text = "";
    const complete = signal();
    socket.on("data", (part) => {
      text += part;
      const seen = text.split("\" word\"").length - 1;
      for (let i = 1; i <= seen; i++) steps[i].resolve();
      if (seen >= k && text.includes("\r\n\r\n") && (k > 0 || text.includes(": hello"))) complete.resolve();
    });
    socket.on("error", complete.reject);
    await complete.promise;
    const id = /x-request-id: (\S+)/i.exec(text)[1];
    socket.resetAndDestroy();
    gone.resolve();
    const record = await server.record(id);
    assert.equal(record.user, `${model}-${k}`);
    return { record, sent };
  }
  async function charged(customer, records, credit) {
    const account = await until(async () => {
      const now = await accountOf(server, customer);
      return now.held === "0" && now;
    }, "nothing held");
    const sum = records.reduce((total, record) => total + nanos(record.charge), 0n);
    assert.equal(account.balance, usd(nanos(credit) - sum));
    await checkBooks(server, customer);
  }

  test("at every chunk, and the upstream ends its answer: the provider's own figures are charged", async () => {
    const customer = await server.customer({ credit: "1" });
    const records = [];
    for (let k = 0; k <= chunks; k++) {
      const { record } = await vanish(customer, "drained", k, async (call, send) => {
        for (let i = k; i < chunks; i++) await send(" word");
        call.end(delta(null, "stop") + usageChunk(tokens(40, chunks)) + DONE);
      });
      // An answer that ends before anything could be written to the caller who left counts as a success.
      assert.ok(["client_closed", "success"].includes(record.outcome), record.outcome);
      assert.deepEqual([record.usage_source, record.charge], ["provider", usd(costs(40, chunks))], `chunk ${k}`);
      records.push(record);
    }
    await charged(customer, records, "1");
  });

  const forever = async (call, send) => {
    for (let gone = false; !gone; ) gone = await Promise.race([call.gone.then(() => true), send(" more").then(() => new Promise((go) => setTimeout(go, 10, false)))]);
  };
  for (const [what, model, rest] of [
    ["the upstream is cancelled", "cancelled", forever],
    ["the upstream goes on for ever", "drained", forever],
    ["the upstream stands still", "drained", (call) => call.gone],
    ["the upstream breaks off", "drained", (call) => call.reset()],
  ])
    test(`at every chunk, and ${what}: what was delivered is charged, never more than was sent`, async () => {
      const customer = await server.customer({ credit: "1" });
      const records = [];
      for (let k = 0; k <= chunks; k += / for ever|still/.test(what) ? 4 : 1) {
        const { record, sent } = await vanish(customer, model, k, rest);
        // That a caller has left shows at the next write to it: with nothing to write, the upstream's end comes first.
        if (k === 0 && record.outcome === "upstream_error") { // no token was delivered before the upstream failed: free
          assert.equal(record.charge, "0");
          records.push(record);
          continue;
        }
        assert.ok(record.outcome === "client_closed" || (record.outcome === "upstream_partial" && /still|off/.test(what)), record.outcome);
        assert.equal(record.usage_source, "counted", `chunk ${k}`);
        assert.equal(record.usage.input, prompt);
        const output = record.usage.output ?? 0;
        assert.ok(output >= k && output <= sent, `${output} charged of ${k} received and ${sent} sent`);
        assert.equal(nanos(record.charge), costs(prompt, output));
        records.push(record);
      }
      await charged(customer, records, "1");
    });

  test("before the answer begins: the call ends, and its charge is what the provider says, or nothing is held", async () => {
    const customer = await server.customer({ credit: "1" });
    const here = signal(), go = signal();
    upstream.next(async (call) => {
      here.resolve();
      await go.promise;
      call.reply(200, completion("x", tokens(9, 4)));
    });
    const abort = new AbortController();
    const call = fetch(`${server.gateway}/v1/chat/completions`, {
      method: "POST", signal: abort.signal, headers: { authorization: `Bearer ${customer.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "drained", max_tokens: 10, messages }),
    });
    await here.promise;
    abort.abort();
    await assert.rejects(call);
    go.resolve();
    const [record] = await until(async () => {
      const all = await allRecords(server, customer);
      return all.length === 1 && all;
    }, "the record");
    assert.ok([0n, costs(9, 4)].includes(nanos(record.charge)), JSON.stringify(record));
    await charged(customer, [record], "1");
  });
});

describe("a thousand callers race for the last cents", () => {
  const callers = 1000;
  const one = nanos("0.000100") * 10n + nanos("0.01") * 5n; // 10 tokens in, 5 out at the dear model's price
  async function race(customer, bodyOf) {
    const answers = await Promise.all(Array.from({ length: callers }, async (_, n) => {
      const response = await fetch(`${server.gateway}/v1/chat/completions`, {
        method: "POST", headers: { authorization: `Bearer ${customer.key}`, "content-type": "application/json" }, body: JSON.stringify(bodyOf(n)),
      });
      return { status: response.status, text: await response.text() };
    }));
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))].sort(), [200, 402], "served or refused, nothing else");
    return answers.filter((answer) => answer.status === 200);
  }
  const body = (stream) => ({ model: "dear", max_tokens: 5, stream, messages });
  const reply = (call) => call.json.stream
    ? call.events(delta(" word word word word word", "stop"), usageChunk(tokens(10, 5)), DONE)
    : call.reply(200, completion("x", tokens(10, 5)));

  for (const kind of ["whole answers", "streams", "both"])
    test(`${kind}: the charges never exceed the credit`, async () => {
      upstream.always(reply);
      const credit = "0.765432198"; // 15 calls' worth and some
      const customer = await server.customer({ credit });
      const served = await race(customer, (n) => body(kind === "streams" || (kind === "both" && n % 2 === 0)));
      assert.ok(served.length >= 1 && BigInt(served.length) * one <= nanos(credit), `${served.length} served`);
      const account = await until(async () => {
        const now = await accountOf(server, customer);
        return now.held === "0" && now;
      }, "nothing held");
      assert.equal(account.balance, usd(nanos(credit) - BigInt(served.length) * one));
      const { rows } = await checkBooks(server, customer);
      assert.ok(rows.every((row) => nanos(row.balance_after) >= 0n), "never below zero at any time");
      assert.equal(rows.length, 1 + served.length);
    });

  test("over a key's cap: the charges never exceed it, whatever the account has", async () => {
    upstream.always(reply);
    const customer = await server.customer({ credit: "100", key: { caps: { total: "0.4" } } });
    const served = await race(customer, (n) => body(n % 3 === 0));
    assert.ok(served.length >= 1 && BigInt(served.length) * one <= nanos("0.4"), `${served.length} served`);
    await until(async () => (await accountOf(server, customer)).held === "0", "nothing held");
    const key = await server.must("GET", `/api/keys/${customer.keyId}`);
    assert.equal(key.spent.total, usd(BigInt(served.length) * one));
  });

  test("long streams that extend their holds: nobody is delivered more than one step beyond the credit", async () => {
    upstream.always(async (call) => {
      call.response.on("error", () => {});
      call.stream();
      for (let i = 0; i < 40; i++) await call.send(delta(" word".repeat(50)));
      call.end(delta(null, "stop") + usageChunk(tokens(10, 2000)) + DONE);
    });
    const customer = await server.customer({ credit: "30" }); // a whole stream is 20: one fits, or many in part
    const answers = await Promise.all(Array.from({ length: 60 }, async () => {
      const response = await fetch(`${server.gateway}/v1/chat/completions`, {
        method: "POST", headers: { authorization: `Bearer ${customer.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "dear", stream: true, messages }),
      });
      return { status: response.status, text: await response.text() };
    }));
    const account = await until(async () => {
      const now = await accountOf(server, customer);
      return now.held === "0" && now;
    }, "nothing held");
    const streams = answers.filter((answer) => answer.status === 200).length;
    assert.ok(streams >= 1);
    const bound = BigInt(streams) * nanos("0.01") * 256n; // a progress interval for each
    assert.ok(nanos(account.balance) >= -bound, `${account.balance} after ${streams} streams`);
    await checkBooks(server, customer);
  });
});
