#!/usr/bin/env bash
# tools/build.sh DIR [target ...]: configures build/DIR once and builds the targets; quiet when nothing changed.
# CMAKE_ARGS adds configure options (used for sanitizer builds).
set -euo pipefail
cd "$(dirname "$0")/.."
dir=build/$1
shift
if [ ! -f "$dir/build.ninja" ]; then
  cmake -S . -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE=Release ${CMAKE_ARGS:-} >"/tmp/tollgate-configure-$$.log" 2>&1 ||
    { cat "/tmp/tollgate-configure-$$.log" >&2; exit 1; }
  rm -f "/tmp/tollgate-configure-$$.log"
fi
if [ ! -f "$dir/.ninja_log" ]; then
  printf '\033[1m==>\033[0m %s\n' "Building $dir: $* (a first build takes some minutes)" >&2
fi
# On a terminal ninja shows one moving line; elsewhere only every fiftieth step is kept, and all of a failure.
if [ -t 2 ]; then
  ninja -C "$dir" "$@" >&2
else
  log=$(mktemp)
  ninja -C "$dir" "$@" 2>&1 | tee "$log" | awk '/^\[[0-9]+\/[0-9]+\]/{ if (++n % 50 == 0) print; fflush(); next }' >&2 || true
  if [ "${PIPESTATUS[0]}" -ne 0 ] || grep -q '^ninja: build stopped\|^FAILED' "$log"; then
    grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$log" | head -120 >&2
    echo "build failed; full log: $log" >&2
    exit 1
  fi
  rm -f "$log"
fi
