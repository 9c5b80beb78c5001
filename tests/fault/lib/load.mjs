// Mixed paid load that remembers what every caller was told, and the recount against the records afterwards.
import assert from "node:assert/strict";
import { delay, nanos, toml, until } from "../../e2e/lib/tollgate.mjs";
import { accountOf, checkBooks, usd } from "../../e2e/lib/money.mjs";
import { completion, delta, DONE, tokens, usageChunk } from "../../e2e/lib/upstream.mjs";

export const price = { input: "1", output: "10" };
/** Of `input` and `output` tokens, in nano-dollars. */
export const costs = (input, output) => BigInt(input) * 1000n + BigInt(output) * 10_000n;

export const configOf = (upstream, extra = {}) => toml({
  provider: [{ name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" }],
  model: [{ name: "gpt-4o", targets: [{ provider: "up", model: "gpt-4o" }], price }],
  log: { level: "warn" },
  ...extra,
});

/** A fixed sequence of numbers below `n`: a failure can be repeated. */
export function dice(seed) {
  let state = BigInt(seed) * 2654435761n + 1n;
  return (n) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number((state >> 33n) % BigInt(n));
  };
}

/**
 * What an upstream does, by the caller's `user` field "<kind>-<n>"; `sent` counts the words it let go per caller.
 * Every word is one token.
 */
export function playKinds(upstream) {
  const sent = new Map();
  upstream.always(async (call) => {
    const { user } = call.json;
    const words = async (count, pause) => {
      for (let i = 0; i < count; i++) {
        sent.set(user, (sent.get(user) ?? 0) + 1);
        await call.send(delta(" word"));
        if (pause) await delay(pause);
      }
    };
    switch (user.split("-")[0]) {
      case "json": return call.reply(200, completion("x", tokens(7, 3)));
      case "slow": return delay(30).then(() => call.reply(200, completion("x", tokens(7, 5))));
      case "stream":
        call.stream();
        await words(5);
        return call.end(delta(null, "stop") + usageChunk(tokens(7, 5)) + DONE);
      case "long":
        call.stream();
        await words(700);
        await words(20, 5);
        return call.end(delta(null, "stop") + usageChunk(tokens(7, 720)) + DONE);
      case "broken":
        call.stream();
        await words(4);
        return call.reset();
      case "error": return call.reply(400, { error: { message: "no", type: "invalid_request_error" } });
      case "refuses": return call.reset();
      default: throw new Error(`no script for ${user}`);
    }
  });
  return sent;
}

/** What a whole answer of a kind costs; undefined = the caller never gets a whole one. */
const whole = { json: costs(7, 3), slow: costs(7, 5), stream: costs(7, 5), long: costs(7, 720), error: 0n, refuses: 0n };
export const kinds = ["json", "json", "json", "slow", "stream", "stream", "long", "broken", "error", "refuses"];

/** One call of a kind. Resolves {id, user, kind, status, whole}: `whole` = received to its very end. */
export async function ask(server, customer, user) {
  const kind = user.split("-")[0];
  const stream = ["stream", "long", "broken"].includes(kind);
  const told = { user, kind, whole: false };
  try {
    const response = await fetch(`${server.gateway}/v1/chat/completions`, {
      method: "POST", headers: { authorization: `Bearer ${customer.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-4o", user, max_tokens: 1000, stream, messages: [{ role: "user", content: "hi" }] }),
    });
    told.status = response.status;
    told.id = response.headers.get("x-request-id");
    const text = await response.text();
    if (response.status >= 500) told.text = text;
    told.whole = !stream || response.status !== 200 || text.endsWith(DONE);
    if (told.whole && stream && response.status === 200) told.words = text.split(" word").length - 1;
  } catch (error) {
    told.error = error.cause?.code ?? error.message;
  }
  return told;
}

/** Callers that ask one thing after another until `stop()`, which resolves all they were told. */
export function startLoad(serverOf, customers, { callers = 12, seed = 1, pauseOnError = 20 } = {}) {
  const told = [];
  let going = true, number = 0;
  const roll = dice(seed);
  const running = Array.from({ length: callers }, async () => {
    while (going) {
      const user = `${kinds[roll(kinds.length)]}-${seed}.${++number}`;
      const customer = customers[number % customers.length];
      const answer = await ask(serverOf(), customer, user);
      told.push({ ...answer, account: customer.account });
      if (answer.error) await delay(pauseOnError);
    }
  });
  return {
    told,
    get answered() { return told.filter((answer) => answer.whole).length; },
    async stop() {
      going = false;
      await Promise.all(running);
      return told;
    },
  };
}

/** Every record of an account, over all pages. */
export async function allRecords(server, customer) {
  const all = [];
  for (let cursor = ""; ;) {
    const page = await server.must("GET", `/api/usage/records?account_id=${customer.account}&limit=1000${cursor}`);
    all.push(...page.data);
    if (page.next_cursor === null) return all;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
}

/**
 * The recount: nothing is held; every whole answer has exactly one record with exactly its charge, and one transaction
 * where it cost something; no record charges more than its upstream let go; balance = credit − charges.
 */
export async function recount(server, customers, credit, told, sent) {
  const summary = { answers: 0, records: 0, recovered: 0 };
  for (const customer of customers) {
    await until(async () => (await accountOf(server, customer)).held === "0", "nothing held");
    const { rows, balance } = await checkBooks(server, customer);
    const mine = told.filter((answer) => answer.account === customer.account && answer.whole && answer.id && answer.status !== 503);
    const records = await until(async () => {
      const all = await allRecords(server, customer);
      const ids = new Set(all.map((record) => record.request_id));
      const missing = mine.filter((answer) => !ids.has(answer.id));
      if (missing.length > 0) throw new Error(`${missing.length} answers without a record, the first: ${JSON.stringify(missing[0])}`);
      return all;
    }, "a record of every answer", 10_000);
    const byId = new Map(records.map((record) => [record.request_id, record]));
    assert.equal(byId.size, records.length, "a request has one record");
    for (const answer of mine) {
      const record = byId.get(answer.id);
      assert.equal(record.user, answer.user);
      assert.equal(record.charge, usd(whole[answer.kind]), `${JSON.stringify(answer)} ${JSON.stringify(record)}`);
      const booked = rows.filter((row) => row.reference === answer.id).length;
      assert.equal(booked, whole[answer.kind] === 0n ? 0 : 1, `transactions of ${answer.id}`);
    }
    for (const answer of told.filter((each) => each.status === 503)) // not admitted: a record may be missing, a charge may not be there
      assert.equal(byId.get(answer.id)?.charge ?? "0", "0", JSON.stringify(answer));
    let charged = 0n;
    for (const record of records) {
      charged += nanos(record.charge);
      if (record.outcome === "recovered") summary.recovered++;
      if (["recovered", "upstream_partial", "client_closed"].includes(record.outcome) && record.charge !== "0")
        assert.ok((record.usage.output ?? 0) <= (sent.get(record.user) ?? 0), `more charged than delivered: ${JSON.stringify(record)}`);
    }
    assert.equal(usd(balance), usd(nanos(credit) - charged), "balance = credit − charges");
    assert.equal((await accountOf(server, customer)).balance, usd(balance));
    summary.answers += mine.length;
    summary.records += records.length;
  }
  return summary;
}
