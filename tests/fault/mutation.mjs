// The mutation gate: plants one bug at a time in a copy of the sources and expects the tests to notice.
//   node tests/fault/mutation.mjs [part of a name]      prints TAP; exit code 1 when a mutant survives
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { mutants } from "./mutants.mjs";

const root = resolve(import.meta.dirname, "../..");
/** Kept between runs: the second run compiles only what changed. */
const copy = process.env.TOLLGATE_MUTATION_DIR ?? join(tmpdir(), "tollgate-mutation");
const build = join(copy, "build/mutation");
const wanted = mutants.filter((mutant) => mutant.name.includes(process.argv[2] ?? ""));

function run(command, args, options = {}) {
  return spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 << 20, cwd: copy, ...options });
}
function must(command, args, options) {
  const done = run(command, args, options);
  if (done.status !== 0) throw new Error(`${command} ${args.join(" ")}\n${done.stdout}${done.stderr}`.slice(-8000));
}

/** Copies what differs, and removes what is gone: times stay, so that only changes are compiled. */
function mirror(...parts) {
  const files = new Set(spawnSync("git", ["ls-files", "-co", "--exclude-standard", "--", ...parts], { encoding: "utf8", cwd: root }).stdout.trim().split("\n"));
  for (const file of files) {
    const from = join(root, file), to = join(copy, file);
    if (!existsSync(from)) continue;
    const bytes = readFileSync(from);
    if (existsSync(to) && readFileSync(to).equals(bytes)) continue;
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, bytes);
  }
  for (const part of parts.filter((each) => existsSync(join(copy, each)) && statSync(join(copy, each)).isDirectory()))
    for (const file of readdirSync(join(copy, part), { recursive: true }))
      if (!files.has(join(part, file)) && statSync(join(copy, part, file)).isFile()) rmSync(join(copy, part, file));
}

mkdirSync(join(copy, "build"), { recursive: true });
mirror("CMakeLists.txt", "cmake", "src", "tests/conformance", "tools");
for (const shared of ["deps", "bin"]) if (!existsSync(join(copy, "build", shared))) symlinkSync(join(root, "build", shared), join(copy, "build", shared));
const environment = { ...process.env, CCACHE_BASEDIR: copy };
must("cmake", ["-S", ".", "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"], { env: environment });
const ninja = (target) => run("nice", ["ninja", "-C", build, target], { env: environment });
const test = (mutant) => run(join(build, mutant.program), ["--gtest_brief=1", ...mutant.args], { timeout: 120_000 });

for (const program of new Map(wanted.map((mutant) => [mutant.program, mutant])).values()) {
  const built = ninja(program.target);
  if (built.status !== 0) throw new Error(built.stdout.slice(-8000));
  const healthy = test(program);
  if (healthy.status !== 0) throw new Error(`${program.program} fails without a mutant:\n${healthy.stdout.slice(-8000)}`);
}

/** What became of one mutant: "" when the tests noticed. */
function survived(mutant) {
  const file = join(copy, mutant.file);
  const sound = readFileSync(file, "utf8");
  if (sound.split(mutant.from).length !== 2) return `its line does not stand exactly once in ${mutant.file}: bring tests/fault/mutants.mjs up to date`;
  writeFileSync(file, sound.replace(mutant.from, () => mutant.to));
  try {
    const built = ninja(mutant.target);
    if (built.status !== 0) return `it does not compile:\n${built.stdout.slice(-2000)}`;
    return test(mutant).status === 0 ? `${mutant.program} passes with it` : "";
  } finally {
    writeFileSync(file, sound);
  }
}

let failed = 0;
console.log("TAP version 13");
wanted.forEach((mutant, i) => {
  const why = survived(mutant);
  if (why) failed++;
  console.log(`${why ? "not ok" : "ok"} ${i + 1} - ${mutant.name}${why ? `\n# Error: ${why}` : ""}`);
});
console.log(`1..${wanted.length}\n# pass ${wanted.length - failed}\n# fail ${failed}`);
process.exit(failed ? 1 : 0);
