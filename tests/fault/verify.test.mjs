// `tollgate verify`: it names every row that was tampered with, and nothing else, also beside a server under load.
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { runTollgate, startTollgate, toml } from "../e2e/lib/tollgate.mjs";
import { recordsOf } from "../e2e/lib/money.mjs";
import { startPostgres } from "../e2e/lib/postgres.mjs";
import { completion, delta, DONE, startUpstream, tokens, usageChunk } from "../e2e/lib/upstream.mjs";
import { clean, verify } from "./lib/verify.mjs";

const price = { input: "1", output: "10" };
const messages = [{ role: "user", content: "hi" }];
const configOf = (upstream) => toml({
  provider: [{ name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" }],
  model: [
    { name: "m", targets: [{ provider: "up", model: "gpt-4o" }], price, multiplier: "1.1" },
    { name: "flat", targets: [{ provider: "up", model: "gpt-4o" }], price: { request: "0.001" } },
  ],
});

describe("a store that was tampered with", () => {
  const data = mkdtempSync(join(tmpdir(), "tollgate-verify-"));
  let records, account, key, other;

  before(async () => {
    const upstream = await startUpstream();
    upstream.always([200, completion("x", tokens(70, 30))]);
    const server = await startTollgate({ data, config: configOf(upstream) });
    const customer = await server.customer({ credit: "5" });
    const second = await server.customer({ credit: "7" });
    for (let i = 0; i < 6; i++)
      assert.equal((await server.call(customer.key, "/v1/chat/completions", { model: i % 2 ? "m" : "flat", max_tokens: 50, messages })).status, 200);
    assert.equal((await server.call(second.key, "/v1/chat/completions", { model: "m", max_tokens: 50, messages })).status, 200);
    assert.equal((await server.call(second.key, "/v1/chat/completions", { model: "none", messages })).status, 404);
    records = await recordsOf(server, customer, 6);
    account = customer.account;
    key = customer.keyId;
    other = second;
    assert.deepEqual(await server.stop({ keep: true }), { code: 0, signal: null });
    await upstream.stop();
  });
  after(() => rmSync(data, { recursive: true, force: true }));

  /** Runs `change` on a copy of the store, then verifies that. */
  async function spoiled(change) {
    const copy = mkdtempSync(join(tmpdir(), "tollgate-verify-copy-"));
    try {
      cpSync(data, copy, { recursive: true });
      const db = new DatabaseSync(join(copy, "tollgate.db"));
      for (const { name } of db.prepare("select name from sqlite_master where type = 'trigger'").all()) db.exec(`drop trigger ${name}`);
      const rows = change(db);
      db.close();
      return { rows, ...(await verify({ data: copy })) };
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }
  const one = (db, sql, ...values) => db.prepare(sql).get(...values);
  const bytes = (id) => Buffer.from(id.replaceAll("-", ""), "hex");
  const checks = (result) => result.findings.map((finding) => `${finding.check}: ${finding.row}`);
  function names(result, ...expected) {
    assert.equal(result.code, 1);
    assert.equal(result.ok, false);
    for (const line of expected) assert.ok(checks(result).includes(line), `${line} is not among\n${checks(result).join("\n")}`);
  }
  const number = (id) => Number(id.slice(id.indexOf("_") + 1));

  test("untouched, it is clean", async () => {
    const result = await clean({ data });
    assert.equal(result.records, 8);
    assert.equal(result.store, "sqlite");
  });

  test("a changed charge", async () => {
    const id = records[2].request_id;
    const result = await spoiled((db) => db.prepare("update record set charge = charge + 1 where request_id = ?").run(bytes(id)));
    names(result, `charge equals its lines: ${id}`, `balances chain: ${id}`, `usage transactions equal record charges: ${account}`);
  });

  test("a changed cost", async () => {
    const id = records[1].request_id;
    const result = await spoiled((db) => db.prepare("update record set cost = cost + 1 where request_id = ?").run(bytes(id)));
    names(result, `cost equals its lines: ${id}`);
  });

  test("a record taken out", async () => {
    const { rows, ...result } = await spoiled((db) => {
      const { id } = one(db, "select id from record where request_id = ?", bytes(records[3].request_id));
      db.prepare("delete from record where id = ?").run(id);
      return id;
    });
    names(result, `records are complete: record ${rows}`, `balances chain: ${records[2].request_id}`, `usage transactions equal record charges: ${account}`);
    const finding = result.findings.find((row) => row.check === "records are complete");
    const said = Date.parse(/came at (\S+)$/.exec(finding.message)[1]);
    assert.ok(Math.abs(said - Date.parse(records[3].time)) < 1000, finding.message);
  });

  test("a damaged record: it is named, and the others are still verified", async () => {
    const [damaged, changed] = [records[4].request_id, records[0].request_id];
    const result = await spoiled((db) => {
      db.prepare("update record set detail = x'01' where request_id = ?").run(bytes(damaged));
      db.prepare("update record set charge = charge + 5 where request_id = ?").run(bytes(changed));
    });
    names(result, `records can be read: ${damaged}`, `charge equals its lines: ${changed}`);
  });

  test("a transfer booked twice", async () => {
    const { rows, ...result } = await spoiled((db) => {
      const row = one(db, "select * from transfer order by id desc limit 1");
      db.prepare("insert into transfer(txn_id, debit_account, credit_account, amount) values(?, ?, ?, ?)").run(row.txn_id, row.debit_account, row.credit_account, row.amount);
      return row;
    });
    names(result, `ledger account debits: ledger account ${rows.debit_account}`, `ledger account credits: ledger account ${rows.credit_account}`,
      `transactions equal their transfers: txn_${rows.txn_id}`);
  });

  test("a transfer taken out, and one with another amount", async () => {
    for (const sql of ["delete from transfer where id = ?", "update transfer set amount = amount + 1 where id = ?"]) {
      const { rows, ...result } = await spoiled((db) => {
        const row = one(db, "select * from transfer order by id limit 1");
        db.prepare(sql).run(row.id);
        return row;
      });
      names(result, `ledger account debits: ledger account ${rows.debit_account}`, `transactions equal their transfers: txn_${rows.txn_id}`);
    }
  });

  test("a hold left behind by a request that has ended, and one older than any request can be", async () => {
    const ended = records[0].request_id, ancient = "01000000-0000-7000-8000-000000000001";
    const result = await spoiled((db) => {
      const put = db.prepare("insert into open_hold(request_id, account_id, key_id, amount, seq, draft, progress) values(?, ?, ?, 5, 1, x'00', x'')");
      for (const id of [ended, ancient]) put.run(bytes(id), number(account), number(key));
    });
    names(result, `holds: ${ended}`, `holds: ${ancient}`);
    assert.equal(result.findings.length, 2);
  });

  test("a hold of a moment ago is none of its business", async () => {
    const now = Date.now().toString(16).padStart(12, "0");
    const result = await spoiled((db) => {
      db.prepare("insert into open_hold(request_id, account_id, key_id, amount, seq, draft, progress) values(?, ?, ?, 5, 1, x'00', x'')")
        .run(bytes(`${now}7000800000000000000a`), number(account), number(key));
    });
    assert.deepEqual(result.findings, []);
  });

  test("an edited balance, and money made from nothing", async () => {
    const balance = await spoiled((db) => db.prepare("update wallet set balance = balance + 1 where account_id = ?").run(number(account)));
    names(balance, `balance equals grants less overdraft: ${account}`, `balance equals transactions: ${account}`, `balances chain: ${account}`);
    const { rows, ...grant } = await spoiled((db) => {
      const row = one(db, "select g.id, g.ledger_account_id as book from credit_grant g where account_id = ?", number(other.account));
      db.prepare("update ledger_account set credits_posted = credits_posted + 1000 where id = ?").run(row.book);
      return row;
    });
    names(grant, `ledger account credits: ledger account ${rows.book}`, `grants open with their amount: grant_${rows.id}`,
      `balance equals grants less overdraft: ${other.account}`);
    assert.ok(grant.findings.some((finding) => finding.check === "debits equal credits"));
  });

  test("an edited transaction", async () => {
    const { rows, ...result } = await spoiled((db) => {
      const row = one(db, "select id from ledger_txn where kind = 0 and account_id = ?", number(account));
      db.prepare("update ledger_txn set amount = amount + 1, balance_after = balance_after + 1 where id = ?").run(row.id);
      return row;
    });
    names(result, `transactions equal their transfers: txn_${rows.id}`, `balance equals transactions: ${account}`);
  });

  test("an edited rollup and an edited spend of a key", async () => {
    const { rows, ...result } = await spoiled((db) => {
      db.prepare("update rollup_all set charge = charge + 1 where hour = (select min(hour) from rollup_all)").run();
      db.prepare("update key_spend set total = total - 1 where key_id = ?").run(number(key));
      return one(db, "select min(hour) as hour from rollup_all");
    });
    names(result, `rollups equal records: rollup_all hour ${rows.hour}`, `rollups equal records: spend of ${key}`);
  });

  test("an edited price version", async () => {
    const { rows, ...result } = await spoiled((db) => {
      const row = one(db, "select id from price_version order by id desc limit 1");
      db.prepare("update price_version set body = body || ' ' where id = ?").run(row.id);
      return row.id;
    });
    names(result, `prices equal their hash: price_${rows}`);
  });

  test("without --json each finding is a line, and a folder without a store is exit code 2", async () => {
    const text = await runTollgate(["verify", "--data", data, "--config", "/dev/null"]);
    assert.equal(text.code, 0);
    assert.match(text.stdout, /^8 records in the sqlite store verified, 0 findings\n$/);
    const none = await runTollgate(["verify", "--data", join(data, "none"), "--config", "/dev/null"]);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /there is no store/);
  });
});

for (const backend of ["sqlite", "postgres"]) {
  test(`beside a ${backend} server under load it finds nothing, again and again`, async () => {
    const data = mkdtempSync(join(tmpdir(), "tollgate-verify-live-"));
    const postgres = backend === "postgres" ? await startPostgres() : undefined;
    const upstream = await startUpstream();
    let server;
    try {
      upstream.always((call) => call.json.stream
        ? call.events(delta("a"), delta("b", "stop"), usageChunk(tokens(9, 2)), DONE)
        : call.reply(200, completion("x", tokens(70, 30))));
      const store = postgres?.database();
      server = await startTollgate({ data, store, config: configOf(upstream) });
      const customers = [await server.customer({ credit: "3" }), await server.customer({ credit: "0.01" })];
      let going = true, answered = 0;
      const caller = async (n) => {
        for (let i = n; going; i++) {
          const answer = await server.call(customers[i % 2].key, "/v1/chat/completions", { model: i % 3 ? "m" : "flat", stream: i % 5 === 0, max_tokens: 50, messages });
          assert.ok([200, 402].includes(answer.status), answer.text);
          answered++;
          if (i % 10 === 0) await server.must("POST", `/api/accounts/${customers[i % 2].account}/credit`, { amount: "0.001", kind: "bonus", reference: `bonus-${i}` });
        }
      };
      const callers = Array.from({ length: 8 }, (_, n) => caller(n * 1000));
      try {
        let least = 0;
        for (let round = 0; round < 8; round++) {
          const result = await clean({ data, store });
          assert.ok(result.records >= least, "records never become fewer");
          least = result.records;
        }
        assert.ok(least > 0 && answered > 0);
      } finally {
        going = false;
        await Promise.all(callers);
      }
      await server.stop({ keep: true });
      server = undefined;
      await clean({ data, store });
    } finally {
      await server?.stop({ keep: true });
      await upstream.stop();
      await postgres?.stop();
      rmSync(data, { recursive: true, force: true });
    }
  });
}
