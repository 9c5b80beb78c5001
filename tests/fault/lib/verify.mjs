// `tollgate verify`, and the store's file opened behind its back.
import assert from "node:assert/strict";
import { runTollgate } from "../../e2e/lib/tollgate.mjs";

/** Verifies a data folder (and store): resolves {code, ok, records, findings}. */
export async function verify({ data, store }) {
  const done = await runTollgate(["verify", "--json", "--data", data, "--config", "/dev/null", ...(store ? ["--store", store] : [])]);
  assert.ok(done.code === 0 || done.code === 1, `verify could not look:\n${done.stdout}${done.stderr}`);
  return { code: done.code, ...JSON.parse(done.stdout) };
}

/** The books add up. */
export async function clean(where) {
  const result = await verify(where);
  assert.deepEqual(result.findings, []);
  assert.equal(result.code, 0);
  return result;
}
