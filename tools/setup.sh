#!/usr/bin/env bash
# Installs what is missing to build (and, with "test", to test) Tollgate: Debian packages, then npm packages into
# build/deps. Asks nothing; says what it does; does nothing at all when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-build}

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

packages=(g++ cmake ninja-build ccache pkg-config ca-certificates libboost1.81-dev libsimdjson-dev libexpected-dev
  libtomlplusplus-dev libspdlog-dev libfmt-dev libcli11-dev prometheus-cpp-dev libsodium-dev libssl-dev libpq-dev
  libpcre2-dev zlib1g-dev libgtest-dev libgmock-dev git python3)
if [ "$what" = test ] || [ "$what" = bench ]; then packages+=(postgresql-15 openssl curl procps); fi
if [ "$what" = fuzz ]; then packages+=(clang-14 libclang-rt-14-dev llvm-14); fi
if [ "$what" = bench ]; then packages+=(nginx-light haproxy); fi
command -v npm >/dev/null || packages+=(nodejs npm)

missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  sudo=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "tools/setup.sh: needs root or sudo to install: ${missing[*]}" >&2; exit 1; }
    sudo="sudo"
  fi
  say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  log=$(mktemp)
  if ! { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends \
      -o Dpkg::Use-Pty=0 "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "tools/setup.sh: installing Debian packages failed (full log: $log)" >&2
    exit 1
  fi
  rm -f "$log"
fi

# npm packages: prices, vocabularies and the SQLite source are read by the build; SDKs and the stand-in by the tests.
stamp=build/deps/.installed
want=$(sha256sum tools/npm/package.json tools/npm/package-lock.json | sha256sum | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
  say "Installing npm packages into build/deps"
  mkdir -p build/deps
  cp tools/npm/package.json tools/npm/package-lock.json build/deps/
  (cd build/deps && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
  echo "$want" >"$stamp"
fi

# The gateways that ./bench measures against, apart from the rest: they are many and only wanted there.
if [ "$what" = bench ]; then
  stamp=build/deps-bench/.installed
  want=$(sha256sum tools/npm-bench/package.json tools/npm-bench/package-lock.json | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
    say "Installing npm packages into build/deps-bench"
    mkdir -p build/deps-bench
    cp tools/npm-bench/package.json tools/npm-bench/package-lock.json build/deps-bench/
    (cd build/deps-bench && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
    echo "$want" >"$stamp"
  fi
fi

# A current Node for build scripts and tests, whatever the system has.
node=$(ls -d "$PWD"/build/deps/node_modules/node-linux-*/bin/node 2>/dev/null | head -1 || true)
[ -n "$node" ] || node=$(command -v node)
mkdir -p build/bin && ln -sfn "$node" build/bin/node
