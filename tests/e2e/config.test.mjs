// What goes wrong before the first request: every message says where, what and what to do; and the command line.
import { after, test } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ADMIN_TOKEN, binary, killAll, runTollgate, startTollgate, until } from "./lib/tollgate.mjs";

const folder = mkdtempSync(join(tmpdir(), "tollgate-config-"));
const env = { TOLLGATE_ADMIN_TOKEN: ADMIN_TOKEN };
let names = 0;
const fresh = () => join(folder, `data-${++names}`);
after(() => {
  killAll(); // what a failed test left running
  rmSync(folder, { recursive: true, force: true });
});

/** `serve` must end by itself with a code that is not 0 and say `says`. */
async function refusesToStart(config, says, { args = [], extra = {}, data = fresh() } = {}) {
  const file = join(folder, `c${++names}.toml`);
  writeFileSync(file, config);
  const { code, stderr, stdout } = await runTollgate(
    ["serve", "--data", data, "--gateway", "127.0.0.1:0", "--console", "127.0.0.1:0", "--config", file, ...args], { env: { ...env, ...extra } });
  assert.notEqual(code, 0, stdout);
  assert.notEqual(code, null, "it ends by itself, not by a signal");
  for (const part of [says].flat()) assert.match(stderr, part);
  assert.ok(!/terminate called|Aborted|Segmentation/.test(stderr), stderr);
  return stderr;
}

test("an unknown key is refused with file, line and its nearest neighbour; all problems come at once", async () => {
  const text = await refusesToStart("\n[gateway]\ndrain_secs = 3\n\n[timeouts]\nconect_ms = 5\n", [/c\d+\.toml:3: gateway\.drain_secs: .*drain_seconds/, /c\d+\.toml:6: timeouts\.conect_ms: .*connect_ms/]);
  assert.equal(text.trim().split("\n").length, 2, text);
});

test("values of the wrong type or range name the place and what fits", async () => {
  await refusesToStart("[gateway]\ndrain_seconds = \"ten\"\n", /:2: gateway\.drain_seconds: .*whole number/);
  await refusesToStart("[gateway]\ndurability = \"proces\"\n", /:2: gateway\.durability: .*process/);
  await refusesToStart("[[model]]\nname = \"a\"\ntargets = []\nprice = { input = 3.5 }\n", /:4: model\.price\.input: .*quotes/);
  await refusesToStart("a = = 1\n", /\.toml:1/);
});

test("a variable of the environment that is missing is named with its place", () =>
  refusesToStart("[[provider]]\nname = \"a\"\nkind = \"openai\"\napi_key = \"${NOT_THERE_KEY}\"\n", /:4: provider\.api_key: .*NOT_THERE_KEY/));

test("a file that is asked for and missing, and a variable that is wrong, are named", async () => {
  const missing = await runTollgate(["serve", "--data", fresh(), "--config", join(folder, "none.toml")], { env });
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /none\.toml/);
  await refusesToStart("", /TOLLGATE_THREADS.*many/, { extra: { TOLLGATE_THREADS: "many" } });
});

test("models that point nowhere and kinds that do not exist are refused with the nearest name", async () => {
  const provider = "[[provider]]\nname = \"vendor\"\nkind = \"openai\"\napi_key = \"x\"\n";
  await refusesToStart(`${provider}[[model]]\nname = \"m\"\ntargets = [ { provider = \"vendro\", model = \"x\" } ]\n`, [/vendro/, /vendor/]);
  await refusesToStart("[[provider]]\nname = \"vendor\"\nkind = \"opnai\"\napi_key = \"x\"\n", [/opnai/, /openai/]);
});

test("an unknown option is refused with its nearest neighbour", async () => {
  const { code, stderr } = await runTollgate(["serve", "--gatway", "127.0.0.1:0"], { env });
  assert.notEqual(code, 0);
  assert.match(stderr, /--gatway/);
  assert.match(stderr, /--gateway/);
});

test("unknown TOLLGATE_ variables are ignored, option beats environment beats file", async () => {
  const server = await startTollgate({ config: "[gateway]\ndrain_seconds = 1\n", env: { TOLLGATE_SOMETHING_ELSE: "1", TOLLGATE_GATEWAY: "127.0.0.1:1" } });
  assert.notEqual(new URL(server.gateway).port, "1", "the option of the test's harness won");
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

test("a port in use is named, with what to do", async () => {
  const squatter = createServer().listen(0, "127.0.0.1");
  await once(squatter, "listening");
  const address = `127.0.0.1:${squatter.address().port}`;
  const { code, stderr } = await runTollgate(["serve", "--data", fresh(), "--gateway", address, "--console", "127.0.0.1:0"], { env });
  squatter.close();
  assert.notEqual(code, 0);
  assert.ok(stderr.includes(address), stderr);
  assert.match(stderr, /in use/);
});

test("a data folder that cannot be made or written is named", async () => {
  writeFileSync(join(folder, "a-file"), "");
  const { code, stderr } = await runTollgate(["serve", "--data", join(folder, "a-file", "data"), "--gateway", "127.0.0.1:0", "--console", "127.0.0.1:0"], { env });
  assert.notEqual(code, 0);
  assert.match(stderr, /a-file/);
  assert.match(stderr, /--data/);
  assert.ok(!/terminate called/.test(stderr), stderr);
});

test("a second server on the same data folder is refused and names the first one's process", async () => {
  const data = fresh();
  const server = await startTollgate({ data, config: "" });
  const text = await refusesToStart("", [/uses this data|in use/, new RegExp(`\\b${server.pid}\\b`), /--data/], { data });
  assert.ok(text.includes(data));
  assert.equal((await fetch(`${server.console}/ready`)).status, 200, "the first one goes on");
  await server.stop();
  const again = await startTollgate({ data, config: "" });
  assert.deepEqual(await again.stop(), { code: 0, signal: null });
});

test("data of a newer version is left alone", async () => {
  const data = fresh();
  await (await startTollgate({ data, config: "" })).stop();
  const file = readdirSync(data).find((name) => name.endsWith(".db"));
  const database = new DatabaseSync(join(data, file));
  const columns = database.prepare("select * from schema_migration").all();
  const next = { ...columns.at(-1), version: 9000 };
  if ("name" in next) next.name = "9000_future";
  database.prepare(`insert into schema_migration(${Object.keys(next).join()}) values(${Object.keys(next).map(() => "?").join()})`).run(...Object.values(next));
  database.close();
  await refusesToStart("", [/newer/, /9000/], { data });
  const doctor = await runTollgate(["doctor", "--data", data, "--json"], { env });
  assert.equal(doctor.code, 1);
  assert.match(doctor.stdout, /newer/);
});

test("a store that cannot be reached is named without its password", async () => {
  const text = await refusesToStart("", /127\.0\.0\.1|refused|connect/i, { args: ["--store", "postgres://tollgate:hush-hush@127.0.0.1:1/nope"] });
  assert.ok(!text.includes("hush-hush"), text);
  await refusesToStart("", /mysql|sqlite|postgres/, { args: ["--store", "mysql://x"] });
});

test("version, help and wrong usage", async () => {
  const version = await runTollgate(["version", "--json"]);
  assert.equal(version.code, 0);
  assert.match(JSON.parse(version.stdout).version, /^\d+\.\d+/);
  assert.match((await runTollgate(["version"])).stdout, /^tollgate \d/);
  for (const command of [[], ["serve"], ["migrate"], ["key"], ["key", "create"], ["doctor"], ["version"]]) {
    const help = await runTollgate([...command, "--help"]);
    assert.equal(help.code, 0, help.stderr);
    assert.ok(help.stdout.length > 50, `help of ${command}`);
  }
  assert.notEqual((await runTollgate(["sevre"])).code, 0);
  assert.notEqual((await runTollgate([])).code, 0);
});

test("migrate makes the store and says its version; again it changes nothing", async () => {
  const data = fresh();
  const first = await runTollgate(["migrate", "--data", data], { env });
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /schema version \d+/);
  assert.equal(statSync(data).mode & 0o777, 0o700);
  assert.equal((await runTollgate(["migrate", "--data", data], { env })).stdout, first.stdout);
});

test("doctor says what is well and what to fix, before and beside a running server", async () => {
  const data = fresh();
  const before = await runTollgate(["doctor", "--data", data, "--json"], { env });
  assert.equal(before.code, 0, before.stdout + before.stderr);
  assert.equal(JSON.parse(before.stdout).ok, true);
  assert.ok(!existsSync(data), "looking makes nothing");
  const server = await startTollgate({ data, config: "" });
  const beside = JSON.parse((await runTollgate(["doctor", "--data", data, "--json"], { env })).stdout);
  assert.equal(beside.ok, true, JSON.stringify(beside));
  assert.ok(beside.findings.some((row) => row.check === "store" && /running/.test(row.message)));
  await server.stop();
  chmodSync(data, 0o755);
  assert.match((await runTollgate(["doctor", "--data", data], { env })).stdout, /warning.*700/);
  const file = join(folder, "doctor.toml");
  writeFileSync(file, "[gatewy]\n");
  const wrong = await runTollgate(["doctor", "--data", fresh(), "--config", file], { env });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /gatewy/);
  writeFileSync(file, '[[provider]]\nname = "dead"\nkind = "openai_compatible"\nbase_url = "http://127.0.0.1:1/v1"\napi_key = "x"\n');
  const dead = await runTollgate(["doctor", "--data", fresh(), "--config", file], { env });
  assert.equal(dead.code, 1);
  assert.match(dead.stdout, /problem.*dead/);
});

test("a provider's credential is needed by serve and doctor only", async () => {
  const data = fresh(), file = join(folder, "credential.toml");
  writeFileSync(file, '[[provider]]\nname = "a"\nkind = "openai_compatible"\nbase_url = "http://127.0.0.1:1/v1"\napi_key = "${NOT_THERE_KEY}"\n');
  const run = (...args) => runTollgate([...args, "--data", data, "--config", file], { env });
  for (const command of [["migrate"], ["verify"], ["key", "list"]]) {
    const { code, stderr } = await run(...command);
    assert.equal(code, 0, `${command}: ${stderr}`);
  }
  const doctor = await run("doctor", "--json");
  assert.equal(doctor.code, 1);
  const { findings } = JSON.parse(doctor.stdout);
  assert.ok(findings.some((row) => row.check === "configuration" && /NOT_THERE_KEY is not set/.test(row.message)), doctor.stdout);
  assert.ok(findings.some((row) => row.check === "store"), "the other checks go on");
});

test("what this version does not use is said by serve and doctor", async () => {
  const server = await startTollgate({ config: "redis = \"redis://127.0.0.1:1\"\n" });
  await until(() => /redis is set, but this version does not use it/.test(server.log), "the warning");
  await server.stop();
  const doctor = await runTollgate(["doctor", "--data", fresh()], { env: { ...env, STRIPE_SECRET_KEY: "sk_test" } });
  assert.equal(doctor.code, 0, doctor.stdout);
  assert.match(doctor.stdout, /warning .*STRIPE_SECRET_KEY is set, but this version does not use it/);
});

test("keys of a folder without a store: the command line says so and makes none", async () => {
  const data = fresh();
  const { code, stderr } = await key(data, ["list"]);
  assert.equal(code, 1);
  assert.match(stderr, /there is no store at .*: name its folder with --data/);
  assert.ok(!existsSync(data));
});

/** Runs `tollgate key …`; `input` goes to its standard input. */
async function key(data, args, input) {
  const child = spawn(binary, ["key", ...args, "--data", data], { env: { PATH: process.env.PATH, ...env }, cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "", stderr = "";
  child.stdout.on("data", (part) => (stdout += part));
  child.stderr.on("data", (part) => (stderr += part));
  child.stdin.end(input ?? "");
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

test("keys from the command line, with a server and without: what one makes the other knows", async () => {
  const data = fresh();
  let server = await startTollgate({ data, config: "" });
  const customer = await server.customer({ credit: "1" });
  const call = (text) => server.call(text, "/v1/chat/completions", { model: "demo/echo", max_tokens: 5, messages: [{ role: "user", content: "hi" }] });

  const made = await key(data, ["create", "--name", "from cli", "--account", customer.account, "--rpm", "100", "--cap-day", "0.5", "--json"]);
  assert.equal(made.code, 0, made.stderr);
  const row = JSON.parse(made.stdout);
  assert.deepEqual([row.name, row.limits.rpm, row.caps.day], ["from cli", 100, "0.5"]);
  assert.equal((await call(row.key)).status, 200, "in force at once");
  const listed = JSON.parse((await key(data, ["list", "--account", customer.account, "--json"])).stdout);
  assert.deepEqual(listed.data.map((k) => k.id), [row.id, customer.keyId]);
  assert.match((await key(data, ["list"])).stdout, new RegExp(row.id));
  const imported = await key(data, ["import", "--user", "u-1", "--json"], "ntk_from-the-command-line-01\n");
  assert.equal(imported.code, 0, imported.stderr);
  assert.equal(JSON.parse(imported.stdout).data.created, true);
  assert.equal((await call("ntk_from-the-command-line-01")).status, 402);
  assert.equal((await key(data, ["revoke", row.id])).code, 0);
  assert.equal((await call(row.key)).status, 401, "in force at once");
  assert.match((await key(data, ["list"])).stdout, new RegExp(`STATUS[^]*${row.id} .* revoked `));
  const wrong = await key(data, ["create", "--name", "x", "--account", "acc_99999"]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /acc_99999/);
  assert.equal((await key(data, ["revoke", "key_99999"])).code, 1);

  await server.stop();
  const offline = await key(data, ["create", "--name", "offline", "--account", customer.account, "--json"]);
  assert.equal(offline.code, 0, offline.stderr);
  const again = await key(data, ["list", "--account", customer.account, "--json"]);
  assert.equal(JSON.parse(again.stdout).data.length, 3);
  server = await startTollgate({ data, config: "" });
  assert.equal((await call(JSON.parse(offline.stdout).key)).status, 200);
  assert.equal((await call(customer.key)).status, 200);
  const { data: audit } = await server.must("GET", "/api/audit-logs?action=key.create");
  assert.deepEqual(audit.slice(0, 2).map((entry) => entry.actor), ["command line", "admin"]);
  await server.stop();
});

test("a stale server.json of a killed server does not mislead the command line", async () => {
  const data = fresh();
  const server = await startTollgate({ data, config: "" });
  const customer = await server.customer();
  await server.kill();
  assert.ok(existsSync(join(data, "server.json")));
  const made = await key(data, ["create", "--name", "after", "--account", customer.account]);
  assert.equal(made.code, 0, made.stderr);
});

test("in a folder that was there before, with a looser mode, every file is the operator's alone", async () => {
  const data = fresh();
  mkdirSync(data, { mode: 0o755 });
  const server = await startTollgate({ data, config: "" });
  const names = readdirSync(data);
  assert.ok(names.length >= 4, names.join());
  for (const name of names) assert.equal(statSync(join(data, name)).mode & 0o077, 0, `${name} is the operator's alone`);
  await server.stop();
});
