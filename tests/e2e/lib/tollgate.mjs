// Starts and stops the release binary the way an operator would, on free loopback ports and a data folder of its own.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { once } from "node:events";

export const root = resolve(import.meta.dirname, "../../..");
export const binary = process.env.TOLLGATE_BINARY ?? join(root, "build/release/tollgate");
export const ADMIN_TOKEN = "e2e-admin-token-0123456789abcdef";

/** require() of the pinned npm packages in build/deps. */
export const requirePackage = createRequire(join(root, "build/deps/package.json"));

export const delay = (ms) => new Promise((done) => setTimeout(done, ms));

/** Polls until `probe` returns something truthy. Tests wait for a state, never for an amount of time. */
export async function until(probe, what, timeoutMs = 30_000) {
  const end = Date.now() + timeoutMs;
  let last;
  while (Date.now() < end) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      if (error.fatal) throw error;
      last = error;
    }
    await delay(20);
  }
  throw new Error(`gave up waiting for ${what}${last ? `: ${last.message}` : ""}`);
}

/** Every process a test file started; killed when the file ends, whatever happened. */
const running = new Set();
export function killAll() {
  for (const child of running) child.kill("SIGKILL");
}
process.on("exit", killAll);

/**
 * Starts `tollgate serve`. Options: config (text of tollgate.toml), env, args, data (folder; made when absent),
 * store (URL). Resolves when /ready answers 200.
 */
export async function startTollgate({ config = "", env = {}, args = [], data, store } = {}) {
  const ownData = data === undefined;
  const folder = data ?? mkdtempSync(join(tmpdir(), "tollgate-e2e-"));
  const file = join(folder, "..", `${folder.split("/").pop()}.toml`);
  writeFileSync(file, config);
  const info = join(folder, "server.json");
  if (existsSync(info)) rmSync(info);
  const child = spawn(
    binary,
    ["serve", "--data", folder, "--gateway", "127.0.0.1:0", "--console", "127.0.0.1:0", "--config", file,
      ...(store ? ["--store", store] : []), ...args],
    { env: { PATH: process.env.PATH, HOME: folder, TOLLGATE_ADMIN_TOKEN: ADMIN_TOKEN, ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  running.add(child);
  let log = "";
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (log += chunk));
  const exited = once(child, "close").then(([code, signal]) => {
    running.delete(child);
    return { code, signal };
  });
  let dead;
  exited.then((status) => (dead = status));
  const addresses = await until(() => {
    if (dead) throw Object.assign(new Error(`tollgate ended with ${JSON.stringify(dead)}:\n${log}`), { fatal: true });
    return existsSync(info) && JSON.parse(readFileSync(info, "utf8"));
  }, "tollgate to start").catch((error) => {
    child.kill("SIGKILL");
    throw new Error(`${error.message}\n${log}`);
  });
  const server = {
    pid: child.pid,
    data: folder,
    gateway: `http://${addresses.gateway}`,
    console: `http://${addresses.console}`,
    get log() { return log; },
    get output() { return output; },
    exited,
    cliToken: addresses.token,
    /** What api() and must() present; a test may put another one here. */
    token: env.TOLLGATE_ADMIN_TOKEN ?? ADMIN_TOKEN,
    configFile: file,
    /** SIGTERM, then waits for the clean end. */
    async stop({ keep = !ownData } = {}) {
      if (!dead) child.kill("SIGTERM");
      const status = await exited;
      if (!keep) rmSync(folder, { recursive: true, force: true });
      rmSync(file, { force: true });
      return status;
    },
    /** SIGKILL; the data folder stays, to be started again. */
    async kill() {
      child.kill("SIGKILL");
      return exited;
    },
    signal: (name) => child.kill(name),
    /** A control API call as the administrator: resolves {status, body, headers}. */
    async api(method, path, body, headers = {}) {
      const response = await fetch(server.console + path, {
        method,
        headers: { authorization: `Bearer ${server.token}`, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
        body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
      });
      const text = await response.text();
      let json;
      try { json = text ? JSON.parse(text) : undefined; } catch { json = undefined; }
      return { status: response.status, body: json, text, headers: response.headers };
    },
    /** An API call that must succeed; resolves its body. */
    async must(method, path, body, headers) {
      const answer = await server.api(method, path, body, headers);
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
      return answer.body;
    },
    /** A call to the data plane as an SDK would make it: resolves {status, headers, text, body}. */
    async call(key, path, body, headers = {}) {
      const response = await fetch(server.gateway + path, {
        method: body === undefined ? "GET" : "POST",
        headers: { ...(key ? { authorization: `Bearer ${key}` } : {}), ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
        body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      });
      const text = await response.text();
      let json;
      try { json = JSON.parse(text); } catch { json = undefined; }
      return { status: response.status, headers: response.headers, text, body: json, id: response.headers.get("x-request-id") };
    },
    /** Makes an account with credit and a key: resolves {account, key, keyId}. */
    async customer({ credit = "10", account = {}, key = {} } = {}) {
      const made = await server.must("POST", "/api/accounts", { name: `customer-${++customers}`, ...account });
      if (credit !== "0")
        await server.must("POST", `/api/accounts/${made.id}/credit`, { amount: credit, kind: "purchase", reference: `e2e-${customers}`, description: "test credit" });
      const madeKey = await server.must("POST", "/api/keys", { name: `key-${customers}`, account_id: made.id, ...key });
      return { account: made.id, key: madeKey.key, keyId: madeKey.id };
    },
    /** The record of a request, once the applier has stored it. */
    record: (id) => until(async () => {
      const answer = await server.api("GET", `/api/usage/records/${id}`);
      return answer.status === 200 && answer.body;
    }, `record ${id}`),
  };
  await until(async () => (await fetch(`${server.console}/ready`)).status === 200, "/ready");
  return server;
}
let customers = 0;

/** Runs a tollgate sub-command to its end, which must come within 30 s: resolves {code, stdout, stderr}. */
export async function runTollgate(args, { env = {}, cwd = tmpdir() } = {}) {
  const child = spawn(binary, args, { env: { PATH: process.env.PATH, HOME: tmpdir(), ...env }, cwd, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let stdout = "", stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  let endless = false;
  const timer = setTimeout(() => {
    endless = true;
    child.kill("SIGKILL");
  }, 30_000);
  const [code] = await once(child, "close");
  clearTimeout(timer);
  running.delete(child);
  if (endless) throw new Error(`tollgate ${args.join(" ")} does not end by itself:\n${stdout}${stderr}`);
  return { code, stdout, stderr };
}

/** The text of a tollgate.toml: objects become tables, arrays of objects arrays of tables. */
export function toml(value) {
  const text = (v) => Array.isArray(v) ? `[${v.map(text).join(", ")}]`
    : v !== null && typeof v === "object" ? `{ ${Object.entries(v).map(([k, x]) => `${JSON.stringify(k)} = ${text(x)}`).join(", ")} }`
    : JSON.stringify(v);
  const lines = (table) => Object.entries(table).map(([k, v]) => `${k} = ${text(v)}\n`).join("");
  const plain = {}, tables = [];
  for (const [name, v] of Object.entries(value)) {
    if (Array.isArray(v) && typeof v[0] === "object") tables.push(...v.map((row) => `[[${name}]]\n${lines(row)}`));
    else if (v !== null && typeof v === "object" && !Array.isArray(v)) tables.push(`[${name}]\n${lines(v)}`);
    else plain[name] = v;
  }
  return [lines(plain), ...tables].join("\n");
}

/** USD decimal text → nano-dollars as BigInt, for arithmetic that is independent of the gateway's. */
export function nanos(text) {
  const match = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (!match) throw new Error(`not an exact amount: ${text}`);
  const value = BigInt(match[2]) * 1_000_000_000n + BigInt((match[3] ?? "").padEnd(9, "0"));
  return match[1] ? -value : value;
}
