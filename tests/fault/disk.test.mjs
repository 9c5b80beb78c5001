// Full, failing and read-only disks: what cannot be journaled is not admitted, what was admitted ends as it should, and
// every answer that was given is in the books afterwards.
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTollgate, until } from "../e2e/lib/tollgate.mjs";
import { accountOf } from "../e2e/lib/money.mjs";
import { completion, delta, DONE, signal, startUpstream, tokens, usageChunk } from "../e2e/lib/upstream.mjs";
import { ask, configOf, playKinds, recount } from "./lib/load.mjs";
import { EIO, ENOSPC, EROFS, makeFaults } from "./lib/disk.mjs";
import { clean } from "./lib/verify.mjs";

const small = { journal: { segment_bytes: 1 << 20 } };
let data, faults, upstream, sent, server, customer, told, number;

beforeEach(async () => {
  faults = makeFaults();
  data = mkdtempSync(join(tmpdir(), "tollgate-disk-"));
  upstream = await startUpstream();
  sent = playKinds(upstream);
  told = [];
  number = 0;
});
afterEach(async () => {
  await server?.kill();
  await upstream.stop();
  faults.stop();
  rmSync(data, { recursive: true, force: true });
});

async function start(extra = {}) {
  server = await startTollgate({ data, config: configOf(upstream, extra), env: faults.env });
}
async function begin(extra) {
  await start(extra);
  // Long tags make long records: a journal file is full after a few hundred calls.
  const tags = Array.from({ length: 16 }, (_, i) => `${i}-`.padEnd(60, "x"));
  customer = await server.customer({ credit: "50", key: { tags } });
}
const health = async () => (await (await fetch(`${server.console}/health/detailed`)).json()).checks.journal;
async function call(kind = "json") {
  const answer = { ...(await ask(server, customer, `${kind}-${++number}`)), account: customer.account };
  told.push(answer);
  return answer;
}
/** Calls, some at a time, until not even a single one is admitted; at most `most`. */
async function callUntilRefused(most) {
  for (let i = 0; i < most; i += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call()));
    assert.ok(answers.every((answer) => [200, 503].includes(answer.status)), JSON.stringify(answers.map((answer) => answer.status)));
    if (answers.every((answer) => answer.status === 200)) continue;
    const refused = await call(); // those before may have been too many at once
    if (refused.status === 503) return refused;
  }
  throw new Error(`all of ${most} calls were admitted`);
}
/** A stream that is open until `finish` is called: it gets its first words, then waits. */
async function openStream() {
  const user = `stream-${++number}`, go = signal(), here = signal();
  upstream.next(async (it) => {
    it.stream();
    for (let i = 0; i < 5; i++) await it.send(delta(" word"));
    sent.set(user, 5);
    here.resolve();
    await go.promise;
    it.end(delta(null, "stop") + usageChunk(tokens(7, 5)) + DONE);
  });
  const answer = ask(server, customer, user);
  await here.promise;
  return {
    async finish() {
      go.resolve();
      const ended = { ...(await answer), account: customer.account };
      told.push(ended);
      return ended;
    },
  };
}
/** The books after everything, on the running server and on the files. */
async function settle() {
  const summary = await recount(server, [customer], "50", told, sent);
  await clean({ data });
  return summary;
}
async function restart(extra) {
  await server.kill();
  await start(extra);
}

test("no space for the next journal file: calls are 503, open ones end, and with space it goes on by itself", async () => {
  await begin(small);
  const open = await openStream();
  faults.break(["allocate", ENOSPC, "/journal/"]);
  await until(async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => call()));
    assert.ok(answers.every((answer) => answer.status === 200));
    return (await health()).status === "degraded";
  }, "health to warn before the last file is full");
  assert.match((await health()).reason, /will be full soon.*No space left/);
  await callUntilRefused(4000);
  const state = await health();
  assert.equal(state.status, "unhealthy");
  assert.match(state.reason, /journal is full/);
  assert.equal((await fetch(`${server.console}/ready`)).status, 503);
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "gpt-4o", user: "json-0", max_tokens: 10, messages: [] });
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.headers.get("retry-after")) > 0);
  assert.match(answer.body.error.message, /journal|disk/);
  const ended = await open.finish();
  assert.ok(ended.whole && ended.words === 5, JSON.stringify(ended));
  faults.heal();
  await until(async () => (await health()).status === "healthy", "the journal to be healthy again");
  assert.equal((await call()).status, 200);
  await settle();
  await restart(small);
  await settle();
});

test("a journal that cannot be synced takes nothing more: open calls end, and after a restart all is there", async () => {
  await begin();
  for (let i = 0; i < 30; i++) assert.equal((await call()).status, 200);
  const open = await openStream();
  faults.break(["sync", EIO, "/journal/"]);
  await until(async () => {
    await call();
    return (await health()).status === "unhealthy";
  }, "the failure to show");
  assert.match((await health()).reason, /journal has failed.*Input\/output error/);
  const upstreamCalls = upstream.calls.length;
  assert.equal((await call()).status, 503);
  assert.equal(upstream.calls.length, upstreamCalls, "nothing went upstream");
  const ended = await open.finish();
  assert.ok(ended.whole && ended.words === 5, JSON.stringify(ended));
  faults.heal();
  await new Promise((done) => setTimeout(done, 300));
  assert.equal((await call()).status, 503, "an error of fsync is not forgotten: only a restart looks at the disk again");
  await restart();
  assert.equal((await call()).status, 200);
  await settle();
});

test("durability power: what could not be synced never went upstream, and is not charged", async () => {
  await begin({ gateway: { durability: "power" } });
  for (let i = 0; i < 5; i++) assert.equal((await call()).status, 200);
  faults.break(["sync", EIO, "/journal/"]);
  const upstreamCalls = upstream.calls.length;
  const answers = await Promise.all(Array.from({ length: 20 }, () => call()));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [503]);
  assert.equal(upstream.calls.length, upstreamCalls);
  await until(async () => (await accountOf(server, customer)).held === "0", "nothing held");
  faults.heal();
  await restart({ gateway: { durability: "power" } });
  assert.equal((await call()).status, 200);
  await settle();
});

for (const [what, error] of [["read-only", EROFS], ["full", ENOSPC], ["broken", EIO]])
  test(`a ${what} disk under the store: calls go on, and are recorded when it is back`, async () => {
    await begin();
    assert.equal((await call()).status, 200);
    await server.record(told[0].id);
    faults.break(["write", error, "tollgate.db"], ["sync", error, "tollgate.db"]);
    for (let i = 0; i < 40; i++) assert.equal((await call(i % 2 ? "json" : "stream")).status, 200);
    await until(async () => (await health()).status === "degraded", "health to show it");
    assert.match((await health()).reason, /store is away/);
    const credit = await server.api("POST", `/api/accounts/${customer.account}/credit`, { amount: "1", kind: "bonus", reference: "while-away" });
    assert.equal(credit.status, 503, credit.text);
    faults.heal();
    await until(async () => (await health()).status === "healthy", "the store to be back");
    await settle(); // a credit that was answered 503 was not given
    await restart();
    await settle();
  });

describe("a file system that is really full", { skip: process.getuid() !== 0 && "needs root to mount one" }, () => {
  let disk;
  before(() => {
    disk = mkdtempSync(join(tmpdir(), "tollgate-small-disk-"));
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=24m", "none", disk], { encoding: "utf8" });
    if (mounted.status !== 0) throw new Error(`mount: ${mounted.stderr}`);
  });
  after(() => {
    spawnSync("umount", ["-l", disk]);
    rmSync(disk, { recursive: true, force: true });
  });

  test("everything stops orderly, and when somebody makes room everything goes on", async () => {
    rmSync(data, { recursive: true, force: true });
    data = join(disk, "data");
    await begin(small);
    assert.equal((await call()).status, 200);
    await server.record(told[0].id);
    const open = await openStream();
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, "ballast"), Buffer.alloc(bavail * bsize - 256 * 1024));
    const refused = await callUntilRefused(6000);
    const state = await health();
    assert.equal(state.status, "unhealthy", JSON.stringify([state, refused]));
    const ended = await open.finish();
    assert.ok(ended.whole && ended.words === 5, JSON.stringify(ended));
    rmSync(join(disk, "ballast"));
    await until(async () => (await health()).status === "healthy", "the journal to be healthy again");
    assert.equal((await call()).status, 200);
    await settle();
    await restart(small);
    await settle();
  });

  test("killed while it is full: after room was made the start is clean", async () => {
    data = join(disk, "data2");
    await begin(small);
    assert.equal((await call()).status, 200);
    await server.record(told[0].id);
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, "ballast"), Buffer.alloc(bavail * bsize - 256 * 1024));
    await callUntilRefused(6000);
    await server.kill();
    rmSync(join(disk, "ballast"));
    await start(small);
    assert.equal((await call()).status, 200);
    await settle();
  });
});
