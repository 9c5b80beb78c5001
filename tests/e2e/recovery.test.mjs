// kill -9 at the worst moments, on both stores: nothing that was answered is lost, nothing is charged twice.
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nanos, requirePackage, startTollgate, toml, until } from "./lib/tollgate.mjs";
import { events } from "./lib/clients.mjs";
import { accountOf, checkBooks, recordsOf, usd } from "./lib/money.mjs";
import { startPostgres } from "./lib/postgres.mjs";
import { completion, delta, startUpstream, tokens } from "./lib/upstream.mjs";

const { encode } = requirePackage("gpt-tokenizer/encoding/o200k_base");
const { encodeChat } = requirePackage("gpt-tokenizer/model/gpt-4o");
const price = { input: "1", output: "10" };
const messages = [{ role: "user", content: "hi" }];
const answered = 7n * 1000n + 3n * 10_000n;

for (const backend of ["sqlite", "postgres"]) {
  describe(`on ${backend}`, () => {
    const data = mkdtempSync(join(tmpdir(), "tollgate-recovery-"));
    const rounds = backend === "sqlite" ? 20 : 6;
    let upstream, postgres, server, customer, start;
    before(async () => {
      upstream = await startUpstream();
      upstream.always([200, completion("x", tokens(7, 3))]);
      if (backend === "postgres") postgres = await startPostgres();
      const store = postgres?.database();
      const config = toml({
        provider: [{ name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" }],
        model: [{ name: "gpt-4o", targets: [{ provider: "up", model: "gpt-4o" }], price }],
      });
      start = () => startTollgate({ data, config, store });
      server = await start();
      customer = await server.customer({ credit: "5" });
    });
    after(async () => {
      await server?.stop();
      await upstream?.stop();
      await postgres?.stop();
      rmSync(data, { recursive: true, force: true });
    });
    const ask = () => server.call(customer.key, "/v1/chat/completions", { model: "gpt-4o", max_tokens: 10, messages });
    async function open(chunks) {
      upstream.next(async (call) => {
        call.stream();
        for (const chunk of chunks) await call.send(delta(chunk));
        await call.gone;
      });
      const response = await fetch(`${server.gateway}/v1/chat/completions`, {
        method: "POST", headers: { authorization: `Bearer ${customer.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "gpt-4o", stream: true, messages }),
      });
      const seen = events(response);
      for (const chunk of chunks) assert.equal(JSON.parse((await seen.next()).value.data).choices[0].delta.content, chunk);
      return { id: response.headers.get("x-request-id"), seen };
    }

    test("open streams are settled from the journal, answers keep their one charge, and nothing stays held", async () => {
      const before = nanos((await accountOf(server, customer)).balance);
      const answers = await Promise.all([ask(), ask(), ask()]);
      const long = await open(Array.from({ length: 600 }, (_, i) => ` word${i}`));
      const short = await open(["one"]);
      assert.ok(nanos((await accountOf(server, customer)).held) > 0n);
      await server.kill();
      server = await start();
      let charged = 0n;
      for (const answer of answers) {
        const record = await server.record(answer.id);
        assert.deepEqual([record.outcome, record.charge], ["success", usd(answered)]);
        charged += answered;
      }
      const recovered = await server.record(long.id);
      assert.equal(recovered.outcome, "recovered");
      const told = encode(Array.from({ length: 600 }, (_, i) => ` word${i}`).join("")).length;
      assert.equal(recovered.usage.input, encodeChat(messages, "gpt-4o").length);
      assert.ok(recovered.usage.output >= 256 && recovered.usage.output <= told, `${recovered.usage.output} of ${told} recovered`);
      assert.equal(nanos(recovered.charge), BigInt(recovered.usage.input) * 1000n + BigInt(recovered.usage.output) * 10_000n);
      charged += nanos(recovered.charge);
      const nothing = await server.record(short.id);
      assert.equal(nothing.outcome, "recovered");
      charged += nanos(nothing.charge);
      assert.ok(nanos(nothing.charge) <= 100_000n, "at most what was delivered");
      const account = await accountOf(server, customer);
      assert.equal(account.held, "0");
      assert.equal(nanos(account.balance), before - charged);
      await checkBooks(server, customer);
    });

    test(`killed right after answers, ${rounds} times: every answer has one record and one charge`, async () => {
      const before = nanos((await accountOf(server, customer)).balance);
      const known = new Set((await recordsOf(server, customer)).map((record) => record.request_id));
      const ids = [];
      for (let round = 0; round < rounds; round++) {
        const answers = await Promise.all(Array.from({ length: 1 + (round % 4) }, ask));
        const dead = server.kill(); // the applier has had no time
        for (const answer of answers) {
          assert.equal(answer.status, 200, answer.text);
          ids.push(answer.id);
        }
        await dead;
        server = await start();
        const account = await accountOf(server, customer);
        assert.equal(account.held, "0");
        assert.equal(nanos(account.balance), before - BigInt(ids.length) * answered, `after round ${round}`);
      }
      assert.equal(new Set(ids).size, ids.length);
      const records = (await recordsOf(server, customer, known.size + ids.length)).filter((record) => !known.has(record.request_id));
      assert.deepEqual(records.map((record) => record.request_id).sort(), [...ids].sort());
      assert.ok(records.every((record) => record.outcome === "success" && record.charge === usd(answered)));
      const { rows } = await checkBooks(server, customer);
      for (const id of ids) assert.equal(rows.filter((row) => row.reference === id).length, 1, `one transaction of ${id}`);
    });

    test("killed while calls are under way: each answer that arrived is charged, each that did not is not held", async () => {
      const before = nanos((await accountOf(server, customer)).balance);
      const arrived = upstream.calls.length;
      const calls = Array.from({ length: 40 }, () => ask().then((answer) => (answer.status === 200 ? answer.id : undefined), () => undefined));
      await upstream.arrived(arrived + 20);
      await server.kill();
      const ids = (await Promise.all(calls)).filter(Boolean);
      server = await start();
      for (const id of ids) assert.equal((await server.record(id)).charge, usd(answered));
      const account = await accountOf(server, customer);
      assert.equal(account.held, "0");
      const { rows } = await checkBooks(server, customer);
      const charged = rows.slice(rows.findIndex((row) => nanos(row.balance_after) === before) + 1);
      assert.equal(nanos(account.balance), before + charged.reduce((sum, row) => sum + nanos(row.amount), 0n));
      assert.ok(ids.every((id) => charged.some((row) => row.reference === id)));
      assert.equal((await ask()).status, 200, "and it goes on");
    });

    test("answers kept for an Idempotency-Key and the spend of a key survive a restart", async () => {
      const headers = { "idempotency-key": "survives" };
      const first = await server.call(customer.key, "/v1/chat/completions", { model: "gpt-4o", max_tokens: 10, messages }, headers);
      await server.record(first.id);
      const spent = (await server.must("GET", `/api/keys/${customer.keyId}`)).spent;
      const balance = (await accountOf(server, customer)).balance;
      assert.deepEqual(await server.stop({ keep: true }), { code: 0, signal: null });
      server = await start();
      const calls = upstream.calls.length;
      const again = await server.call(customer.key, "/v1/chat/completions", { model: "gpt-4o", max_tokens: 10, messages }, headers);
      assert.equal(again.text, first.text);
      assert.equal(upstream.calls.length, calls);
      assert.equal((await accountOf(server, customer)).balance, balance);
      assert.deepEqual((await server.must("GET", `/api/keys/${customer.keyId}`)).spent, spent);
      await until(async () => (await accountOf(server, customer)).held === "0", "nothing held");
    });
  });
}
