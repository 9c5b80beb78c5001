// A PostgreSQL that can be crashed, paused and started again under the same address.
import { spawn, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../e2e/lib/tollgate.mjs";

const bin = process.env.POSTGRES_BIN ?? "/usr/lib/postgresql/15/bin";

/** PostgreSQL refuses to run as root: its own user is used then. */
function identity() {
  if (process.getuid() !== 0) return {};
  const number = (flag) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
  return { uid: number("-u"), gid: number("-g") };
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** Process ids of `parent` and its children, children last. */
function family(parent) {
  const all = [parent];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      if (Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent) all.push(Number(name));
    } catch { /* it has ended */ }
  }
  return all;
}

export async function startCluster() {
  const who = identity();
  const folder = mkdtempSync(join(tmpdir(), "tollgate-fault-pg-"));
  if (who.uid !== undefined) chownSync(folder, who.uid, who.gid);
  const options = { ...who, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: "C" } };
  const run = (program, args) => {
    const done = spawnSync(join(bin, program), args, { encoding: "utf8", ...options });
    if (done.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${done.error?.message ?? ""}${done.stdout}${done.stderr}`);
    return done.stdout;
  };
  const data = join(folder, "data");
  run("initdb", ["-D", data, "-U", "tollgate", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
  const port = await freePort();
  let child, exited;
  const kill = () => child?.kill("SIGKILL");
  process.on("exit", kill);
  const sql = (text, database = "postgres") =>
    run("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", String(port), "-U", "tollgate", "-d", database, "-c", text]).trim();
  let databases = 0;
  const cluster = {
    sql,
    database() {
      sql(`create database tollgate_${++databases}`);
      return `postgres://tollgate@127.0.0.1:${port}/tollgate_${databases}`;
    },
    async start() {
      child = spawn(join(bin, "postgres"), ["-D", data, "-k", folder, "-h", "127.0.0.1", "-p", String(port), "-c", "shared_buffers=32MB"], { ...options, stdio: "ignore" });
      exited = once(child, "exit");
      await until(() => sql("select 1"), "PostgreSQL to accept connections");
    },
    /** As `pg_ctl stop -m immediate`: no checkpoint, sessions are cut off, the next start recovers from the log. */
    async crash() {
      child.kill("SIGQUIT");
      await exited;
      child = undefined;
    },
    /** Every process stands still; connections stay open and nothing answers. */
    pause() { for (const pid of family(child.pid)) process.kill(pid, "SIGSTOP"); },
    resume() { for (const pid of family(child.pid).reverse()) process.kill(pid, "SIGCONT"); },
    async stop() {
      child?.kill("SIGINT");
      await exited;
      process.off("exit", kill);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await cluster.start();
  return cluster;
}
