// Disks that fail: a preloaded library that answers chosen system calls on chosen files with an error, while it is told to.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const ENOSPC = 28, EIO = 5, EROFS = 30;

const source = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The errno that "call" shall fail with on fd, or 0. Lines of the file named by FAULTS: call errno part-of-path. */
static int fault(const char* call, int fd) {
    int const saved = errno;
    int found = 0, number;
    char link[64], path[4096], name[32], part[256], line[400];
    FILE* rules = fopen(getenv("FAULTS"), "re");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t const n = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = 0;
    while (rules && !found && fgets(line, sizeof line, rules))
        if (sscanf(line, "%31s %d %255s", name, &number, part) == 3 && !strcmp(name, call) && strstr(path, part)) found = number;
    if (rules) fclose(rules);
    errno = saved;
    return found;
}
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(call) do { int const e = fault(call, fd); if (e) return errno = e, -1; } while (0)
int posix_fallocate(int fd, off_t at, off_t size) { int const e = fault("allocate", fd); return e ? e : REAL(posix_fallocate)(fd, at, size); }
int fdatasync(int fd) { FAIL("sync"); return REAL(fdatasync)(fd); }
int fsync(int fd) { FAIL("sync"); return REAL(fsync)(fd); }
ssize_t pwrite(int fd, const void* from, size_t n, off_t at) { FAIL("write"); return REAL(pwrite)(fd, from, n, at); }
ssize_t pwrite64(int fd, const void* from, size_t n, off64_t at) { FAIL("write"); return REAL(pwrite64)(fd, from, n, at); }
int ftruncate(int fd, off_t size) { FAIL("write"); return REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { FAIL("write"); return REAL(ftruncate64)(fd, size); }
`;

/**
 * Resolves {env, break(rules), heal(), stop()}: `env` is for the process to be disturbed; rules are [call, errno, part
 * of the path], where call is allocate, sync or write.
 */
export function makeFaults() {
  const folder = mkdtempSync(join(tmpdir(), "tollgate-faults-"));
  const code = join(folder, "faults.c"), library = join(folder, "faults.so"), rules = join(folder, "rules");
  writeFileSync(code, source);
  writeFileSync(rules, "");
  const built = spawnSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, code, "-ldl"], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`cc: ${built.stderr}`);
  return {
    env: { LD_PRELOAD: library, FAULTS: rules },
    break: (...list) => writeFileSync(rules, list.map((rule) => `${rule.join(" ")}\n`).join("")),
    heal: () => writeFileSync(rules, ""),
    stop: () => rmSync(folder, { recursive: true, force: true }),
  };
}
