// A PostgreSQL 15 of the test's own: fresh cluster in a temporary folder, loopback port, gone at the end.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, chownSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { until } from "./tollgate.mjs";

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

function run(program, args, options) {
  const done = spawnSync(join(bin, program), args, { encoding: "utf8", ...options });
  if (done.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${done.error?.message ?? ""}${done.stdout}${done.stderr}`);
  return done.stdout;
}

export async function startPostgres() {
  const who = identity();
  const folder = mkdtempSync(join(tmpdir(), "tollgate-e2e-pg-"));
  if (who.uid !== undefined) chownSync(folder, who.uid, who.gid);
  const options = { ...who, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: "C" } };
  const data = join(folder, "data");
  run("initdb", ["-D", data, "-U", "tollgate", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], options);
  const port = await freePort();
  const child = spawn(join(bin, "postgres"),
    ["-D", data, "-k", folder, "-h", "127.0.0.1", "-p", String(port), "-c", "shared_buffers=32MB", "-c", "fsync=off"],
    { ...options, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (part) => (log += part));
  const exited = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  const sql = (text, database = "postgres") =>
    run("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", String(port), "-U", "tollgate", "-d", database, "-c", text], options).trim();
  await until(() => {
    if (child.exitCode !== null) throw new Error(log);
    sql("select 1");
    return true;
  }, "PostgreSQL to accept connections");
  let databases = 0;
  return {
    sql,
    /** A new, empty database: its URL. */
    database() {
      const name = `tollgate_${++databases}`;
      sql(`create database ${name}`);
      return `postgres://tollgate@127.0.0.1:${port}/${name}`;
    },
    async stop() {
      child.kill("SIGINT"); // fast shutdown: open sessions are ended
      await exited;
      process.off("exit", kill);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
