// PostgreSQL crashes, stands still and comes back while paid traffic goes on: nobody waits for it, nothing is lost.
import { test } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTollgate, until } from "../e2e/lib/tollgate.mjs";
import { startUpstream } from "../e2e/lib/upstream.mjs";
import { configOf, playKinds, recount, startLoad } from "./lib/load.mjs";
import { startCluster } from "./lib/postgres.mjs";
import { clean } from "./lib/verify.mjs";

test("crashed four times and paused twice under load: every call is answered, and afterwards all of it is recorded", async (t) => {
  const data = mkdtempSync(join(tmpdir(), "tollgate-database-"));
  const cluster = await startCluster();
  const upstream = await startUpstream();
  const sent = playKinds(upstream);
  const store = cluster.database();
  const config = configOf(upstream);
  let server = await startTollgate({ data, store, config });
  const loads = [];
  try {
    const customers = [await server.customer({ credit: "50" }), await server.customer({ credit: "50" })];
    const load = startLoad(() => server, customers, { callers: 8 });
    loads.push(load);
    const more = async (count) => {
      const from = load.answered;
      await until(() => load.answered >= from + count, `${count} more answers`);
    };
    const journal = async () => (await (await fetch(`${server.console}/health/detailed`)).json()).checks.journal;
    await more(50);
    for (let round = 0; round < 4; round++) {
      await cluster.crash();
      await more(60);
      const health = await journal();
      assert.equal(health.status, "degraded", JSON.stringify(health));
      assert.match(health.reason, /store is away/);
      const refused = await server.api("GET", `/api/accounts/${customers[0].account}`);
      assert.equal(refused.status, 503, refused.text);
      await cluster.start();
      await until(async () => (await journal()).status === "healthy", "the journal to be applied again");
    }
    for (let round = 0; round < 2; round++) {
      cluster.pause();
      try {
        await more(60);
      } finally {
        cluster.resume();
      }
      await until(async () => (await journal()).status === "healthy", "the journal to be applied again");
      await more(20);
    }
    const told = await load.stop();
    assert.deepEqual(told.filter((answer) => answer.status === undefined || answer.status === 503 || answer.status === 500), [], "no call suffered");
    const summary = await recount(server, customers, "50", told, sent);
    assert.equal(summary.recovered, 0);
    await clean({ data, store });

    // The database is away when the gateway stops, and when it starts again.
    const last = startLoad(() => server, customers, { callers: 4, seed: 2 });
    loads.push(last);
    await until(() => last.answered >= 20, "20 answers");
    await cluster.crash();
    told.push(...(await last.stop()));
    const ended = await server.stop({ keep: true });
    assert.equal(ended.signal, null);
    await cluster.start();
    server = await startTollgate({ data, store, config });
    await recount(server, customers, "50", told, sent);
    await clean({ data, store });
    t.diagnostic(`${told.length} calls, ${summary.records} records`);
  } finally {
    await Promise.all([server.kill(), ...loads.map((load) => load.stop())]);
    await upstream.stop();
    await cluster.stop();
    rmSync(data, { recursive: true, force: true });
  }
});
