// SIGKILL, again and again, under mixed load: afterwards every answer is recounted.
import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTollgate, until } from "../e2e/lib/tollgate.mjs";
import { startUpstream } from "../e2e/lib/upstream.mjs";
import { configOf, dice, playKinds, recount, startLoad } from "./lib/load.mjs";
import { startCluster } from "./lib/postgres.mjs";
import { clean } from "./lib/verify.mjs";

const rounds = { sqlite: 25, postgres: 10 };

for (const backend of ["sqlite", "postgres"]) {
  describe(`killed under load on ${backend}`, () => {
    for (const durability of backend === "sqlite" ? ["process", "power"] : ["process"]) {
      test(`durability ${durability}: every whole answer has one record and one charge, and nothing stays held`, async (t) => {
        const data = mkdtempSync(join(tmpdir(), "tollgate-kill-"));
        const cluster = backend === "postgres" ? await startCluster() : undefined;
        const upstream = await startUpstream();
        const sent = playKinds(upstream);
        const store = cluster?.database();
        const config = configOf(upstream, { gateway: { durability } });
        let server = await startTollgate({ data, store, config }), load;
        try {
          const customers = [await server.customer({ credit: "50" }), await server.customer({ credit: "50" })];
          const told = [], roll = dice(backend.length);
          for (let round = 0; round < rounds[backend]; round++) {
            load = startLoad(() => server, customers, { seed: round + 1 });
            const enough = 1 + roll(150);
            await until(() => load.answered >= enough, `${enough} answers`);
            // Sometimes the database dies in the same moment.
            const crash = cluster && round % 3 === 2;
            await Promise.all([server.kill(), crash ? cluster.crash() : undefined]);
            told.push(...(await load.stop()));
            if (crash) await cluster.start();
            server = await startTollgate({ data, store, config });
          }
          const summary = await recount(server, customers, "50", told, sent);
          assert.ok(summary.recovered > 0, "some requests died half-way");
          await clean({ data, store });
          await server.stop({ keep: true });
          const { records } = await clean({ data, store });
          assert.ok(records >= summary.records);
          t.diagnostic(`${rounds[backend]} kills, ${summary.answers} whole answers, ${summary.records} records, ${summary.recovered} recovered`);
        } finally {
          await Promise.all([server.kill(), load?.stop()]);
          upstream.failures.length = 0; // scripts that wrote to a killed gateway
          await upstream.stop();
          await cluster?.stop();
          rmSync(data, { recursive: true, force: true });
        }
      });
    }
  });
}
