#!/usr/bin/env python3
"""Tollgate side by side with plain proxies and with another gateway, on one core each.

The proxy under test is pinned to core 0; the provider stand-in and the load client to core 1. Contenders take turns
(A B C A B C …), and medians over the rounds are compared, so that a noisy moment hits all of them. The figure that
counts is CPU time of the proxy process per request, from the kernel's own accounting of each of its threads.

Started by ./bench gateway, which builds and installs what is needed. Needs nothing from the network.
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROXY_CORE, OTHER_CORE = 0, 1
STORE_THREADS = ("applier", "store-writer")  # applying to the store; everything else of tollgate serves the request
MODES = ("json", "burst", "paced")
CHUNKS = 66
ADMIN_TOKEN = "bench-admin-token-0123456789abcdef"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, process, name, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            sys.exit(f"bench: {name} ended at once with code {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), 0.2):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"bench: {name} does not listen on 127.0.0.1:{port}")


def pin(pid, core):
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {core})


class Contender:
    """One process under test. `cpu()` is what its threads have used so far, in nanoseconds, by kind."""

    def __init__(self, name, port, argv, out, key="", path="/v1/chat/completions", headers=(), env=None, child=False):
        self.name, self.port, self.key, self.path, self.headers = name, port, key, path, headers
        self.has_store = False
        self.process = subprocess.Popen(["taskset", "-c", str(PROXY_CORE)] + argv, stdout=out, stderr=out,
                                        stdin=subprocess.DEVNULL, env=env)
        self.child = child

    def ready(self):
        wait_port(self.port, self.process, self.name)
        self.pid = self.process.pid
        if self.child:  # nginx: the worker does the work, and its parent sleeps
            children = open(f"/proc/{self.pid}/task/{self.pid}/children").read().split()
            self.pid = int(children[0])
        self.rss_idle = self.rss()

    def rss(self):
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0

    def cpu(self):
        used = {"path": 0, "store": 0}
        for task in os.listdir(f"/proc/{self.pid}/task"):
            try:
                comm = open(f"/proc/{self.pid}/task/{task}/comm").read().strip()
                ns = int(open(f"/proc/{self.pid}/task/{task}/schedstat").read().split()[0])
            except OSError:
                continue
            used["store" if self.has_store and comm in STORE_THREADS else "path"] += ns
        return used


def nginx(name, work, upstream, buffering, out):
    port = free_port()
    conf = f"{work}/{name}.conf"
    with open(conf, "w") as f:
        f.write(f"""worker_processes 1; daemon off; error_log {work}/{name}.log; pid {work}/{name}.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {work}/nb; proxy_temp_path {work}/np;
  fastcgi_temp_path {work}/nf; uwsgi_temp_path {work}/nu; scgi_temp_path {work}/ns;
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port}; keepalive_requests 100000000;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering {"on" if buffering else "off"};
    }}
  }}
}}
""")
    return Contender(name, port, [shutil.which("nginx") or "/usr/sbin/nginx", "-c", conf], out, child=True)


def haproxy(work, upstream, out):
    port = free_port()
    conf = f"{work}/haproxy.cfg"
    with open(conf, "w") as f:
        f.write(f"""global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  default_backend provider
backend provider
  server provider 127.0.0.1:{upstream} pool-max-conn 512
""")
    return Contender("haproxy", port, [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", conf], out)


def portkey(upstream, out):
    package = f"{ROOT}/build/deps-bench/node_modules/@portkey-ai/gateway"
    port = free_port()
    headers = ["x-portkey-provider: openai", f"x-portkey-custom-host: http://127.0.0.1:{upstream}/v1"]
    env = dict(os.environ, NODE_ENV="production")
    argv = [f"{ROOT}/build/bin/node", f"{package}/build/start-server.js", f"--port={port}", "--headless"]
    return Contender("portkey", port, argv, out, key="sk-bench", headers=headers, env=env)


def tollgate(name, binary, work, upstream, out, durability="process"):
    port, console = free_port(), free_port()
    conf = f"{work}/{name}.toml"
    models = "".join(f"""[[model]]
name = "{model}"
targets = [ {{ provider = "standin", model = "{model}" }} ]
price = {{ input = "0.15", output = "0.60" }}
""" for model in ("gpt-4o-mini", "gpt-4o-mini-paced"))
    with open(conf, "w") as f:
        f.write(f"""threads = 1
[log]
level = "warn"
[gateway]
durability = "{durability}"
[[provider]]
name = "standin"
kind = "openai_compatible"
base_url = "http://127.0.0.1:{upstream}/v1"
api_key = "sk-standin-upstream-key"
{models}""")
    env = dict(os.environ, TOLLGATE_ADMIN_TOKEN=ADMIN_TOKEN)
    argv = [binary, "serve", "--data", f"{work}/{name}", "--config", conf, "--gateway", f"127.0.0.1:{port}",
            "--console", f"127.0.0.1:{console}"]
    c = Contender(name, port, argv, out, env=env)
    c.console = console
    c.has_store = True
    return c


def control(c, method, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{c.console}{path}", method=method,
                                     data=json.dumps(body).encode() if body is not None else None,
                                     headers={"authorization": f"Bearer {ADMIN_TOKEN}", "content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def fund(c):
    """An account with credit for any number of requests, and a key of it."""
    wait_port(c.console, c.process, c.name)
    account = control(c, "POST", "/api/accounts", {"name": "bench"})
    control(c, "POST", f"/api/accounts/{account['id']}/credit",
            {"amount": "1000000", "kind": "adjustment", "reference": "bench", "description": "benchmark"})
    c.key = control(c, "POST", "/api/keys", {"name": "bench", "account_id": account["id"]})["key"]


def run_load(port, mode, connections, seconds, key="", path="/v1/chat/completions", headers=(), core=OTHER_CORE):
    argv = ["taskset", "-c", str(core), f"{ROOT}/build/bench/load", f"127.0.0.1:{port}", "--mode", mode, "--connections",
            str(connections), "--seconds", str(seconds), "--key", key, "--path", path]
    for header in headers:
        argv += ["--header", header]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout:
        sys.exit(f"bench: the load client failed: {done.stderr}")
    result = json.loads(done.stdout)
    if result["not_200"] or result["answers"] == 0:
        sys.exit(f"bench: answers that are not 200 on port {port}: {result}\n{done.stderr}")
    return result


def measure(c, mode, connections, seconds, standin):
    before, standin_before = c.cpu(), task_ns(standin)
    load = run_load(c.port, mode, connections, seconds, c.key, c.path, c.headers)
    if c.has_store:
        time.sleep(0.15)  # what is applied behind belongs to these requests
    after = c.cpu()
    n = load["answers"]
    per = 1e3 * n * (CHUNKS if mode == "paced" else 1)
    path, store = (after["path"] - before["path"]) / per, (after["store"] - before["store"]) / per
    return {"rps": load["rps"], "path_us": path, "store_us": store, "cpu_us": path + store,
            "standin_us": (task_ns(standin) - standin_before) / per, "first_us": load["first_us"],
            "last_us": load["last_us"], "answers": n, "errors": load["errors"]}


def task_ns(pid):
    return int(open(f"/proc/{pid}/schedstat").read().split()[0])


def median_of(rows, *keys):
    def at(row):
        for key in keys:
            row = row[key]
        return row
    return statistics.median(at(row) for row in rows)


def summarize(rows):
    s = {key: round(median_of(rows, key), 3) for key in ("rps", "path_us", "store_us", "cpu_us", "standin_us")}
    for key in ("first_us", "last_us"):
        s[key] = {p: median_of(rows, key, p) for p in ("p50", "p99")}
    s["rounds"] = len(rows)
    s["cpu_us_all"] = [round(row["cpu_us"], 2) for row in rows]
    s["errors"] = sum(row["errors"] for row in rows)
    return s


def cpu_rounds(contenders, modes, rounds, seconds, standin):
    """Interleaved. A slow contender gets every other round: its figures are far from any boundary."""
    rows = {(c.name, mode): [] for c in contenders for mode in modes}
    for n in range(rounds):
        for mode in modes:
            order = contenders if n % 2 == 0 else list(reversed(contenders))
            for c in order:
                if c.name == "portkey" and n % 2 == 1:
                    continue
                rows[c.name, mode].append(measure(c, mode, 64, seconds, standin))
        print(f"  round {n + 1} of {rounds} done", file=sys.stderr)
    return {name: {mode: summarize(rows[name, mode]) for mode in modes} for name in dict.fromkeys(k[0] for k in rows)}


def latencies(contenders, standin_port, standin, rounds, seconds):
    """At 64 and 256 connections on two cores; at one connection with everything on one core, so that no wake-up of
    another core is in it. Added = minus the stand-in asked directly in the same round."""
    rows = {}
    for n in range(rounds):
        for connections in (1, 64, 256):
            core = PROXY_CORE if connections == 1 else OTHER_CORE
            pin(standin, core)
            rows.setdefault(("direct", connections), []).append(run_load(standin_port, "json", connections, seconds, core=core))
            for c in contenders:
                rows.setdefault((c.name, connections), []).append(
                    run_load(c.port, "json", connections, seconds, c.key, c.path, c.headers, core=core))
        pin(standin, OTHER_CORE)
        print(f"  latency round {n + 1} of {rounds} done", file=sys.stderr)
    result = {}
    for (name, connections), loads in rows.items():
        figures = {leg: {p: median_of(loads, leg, p) for p in ("p50", "p99")} for leg in ("first_us", "last_us")}
        if name != "direct":
            direct = result["direct"][connections]
            figures["added_us"] = {p: figures["last_us"][p] - direct["last_us"][p] for p in ("p50", "p99")}
        result.setdefault(name, {})[connections] = figures
    return result


def commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def versions():
    def first(argv):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip().splitlines()[0]
    package = json.load(open(f"{ROOT}/build/deps-bench/node_modules/@portkey-ai/gateway/package.json"))
    return {"nginx": first([shutil.which("nginx") or "/usr/sbin/nginx", "-v"]),
            "haproxy": first([shutil.which("haproxy") or "/usr/sbin/haproxy", "-v"]),
            "portkey": package["version"], "tollgate": commit(), "kernel": platform.release()}


def print_table(result):
    cpu, reference = result["cpu"], result["cpu"]["nginx"]
    print(f"\n{'':20}{'JSON rps':>10}{'JSON µs':>9}{'store':>7}{'× nginx':>9}{'burst µs':>10}{'× nginx':>9}"
          f"{'paced µs':>10}{'× nginx':>9}{'RSS MB':>14}")
    for name, modes in cpu.items():
        j, b, p = modes["json"], modes["burst"], modes["paced"]
        rss = result["rss_mb"][name]
        print(f"{name:20}{j['rps']:>10,.0f}{j['path_us']:>9.1f}{j['store_us']:>7.1f}{j['cpu_us'] / reference['json']['cpu_us']:>9.2f}"
              f"{b['cpu_us']:>10.1f}{b['cpu_us'] / reference['burst']['cpu_us']:>9.2f}"
              f"{p['cpu_us']:>10.2f}{p['cpu_us'] / reference['paced']['cpu_us']:>9.2f}"
              f"{rss['idle']:>7.0f}{rss['after']:>7.0f}")
    print(f"\n{'added latency, µs':20}" + "".join(f"{f'{c} conn. p50':>14}{'p99':>8}" for c in (1, 64, 256)))
    for name, by in result["latency"].items():
        if name != "direct":
            print(f"{name:20}" + "".join(f"{by[c]['added_us']['p50']:>14}{by[c]['added_us']['p99']:>8}" for c in (1, 64, 256)))
    print(f"\n{'goal':58}{'figure':>10}{'goal':>10}")
    for row in result["goals"]:
        print(f"{row['what']:58}{row['figure']:>10.3g}{row['sign'] + ' ' + format(row['goal'], '.3g'):>10}  {'met' if row['met'] else 'not met'}")


def goals(result):
    cpu = result["cpu"]
    t, n = cpu["tollgate"], cpu["nginx"]
    added = result["latency"]
    rows = [
        ("JSON: I/O threads and journal ÷ nginx", t["json"]["path_us"] / n["json"]["cpu_us"], 0.95),
        ("JSON: store included ÷ nginx", t["json"]["cpu_us"] / n["json"]["cpu_us"], 1.2),
        ("burst: all ÷ nginx buffered", t["burst"]["cpu_us"] / n["burst"]["cpu_us"], 0.5),
        ("burst: all ÷ nginx unbuffered", t["burst"]["cpu_us"] / cpu["nginx-unbuffered"]["burst"]["cpu_us"], 0.3),
        ("paced chunk: all ÷ nginx", t["paced"]["cpu_us"] / n["paced"]["cpu_us"], 1.05),
        ("added latency, 1 connection, one core ÷ nginx", added["tollgate"][1]["added_us"]["p50"] / added["nginx"][1]["added_us"]["p50"], 1.0),
        ("RSS idle, MB", result["rss_mb"]["tollgate"]["idle"], 30),
    ]
    if "portkey" in cpu:
        rows.insert(2, ("JSON: all ÷ Portkey", t["json"]["cpu_us"] / cpu["portkey"]["json"]["cpu_us"], 1 / 40))
    return [{"what": what, "figure": round(figure, 4), "goal": goal, "sign": "≤", "met": figure <= goal} for what, figure, goal in rows]


def main():
    parser = argparse.ArgumentParser(prog="./bench gateway")
    parser.add_argument("--quick", action="store_true", help="few short rounds: a look, not a result")
    parser.add_argument("--rounds", type=int, help="rounds of the CPU comparison (default 7, quick 2)")
    parser.add_argument("--seconds", type=int, help="seconds of load for each figure of a round (default 3, quick 1)")
    parser.add_argument("--modes", default=",".join(MODES), help="json,burst,paced")
    parser.add_argument("--only", help="comma-separated contenders; for work on one of them: no table, nothing written")
    parser.add_argument("--binary", action="append", default=[], metavar="NAME=FILE",
                        help="another tollgate binary as a contender of its own (repeatable)")
    parser.add_argument("--standin-pace-ms", type=int, default=2)
    options = parser.parse_args()
    rounds = options.rounds or (2 if options.quick else 7)
    seconds = options.seconds or (1 if options.quick else 3)
    if os.cpu_count() < 2:
        sys.exit("bench: needs two cores, one for the proxy and one for the rest")

    work = tempfile.mkdtemp(prefix="tollgate-bench-")
    os.chmod(work, 0o755)  # nginx's worker may run as another user
    out = open(f"{work}/out", "w")
    started = []
    try:
        upstream = free_port()
        standin = subprocess.Popen(["taskset", "-c", str(OTHER_CORE), f"{ROOT}/build/bench/standin", str(upstream), "--pace-ms",
                                    str(options.standin_pace_ms)], stdout=out, stderr=out)
        started.append(standin)
        wait_port(upstream, standin, "standin")
        binary = f"{ROOT}/build/release/tollgate"
        make = {
            "nginx": lambda: nginx("nginx", work, upstream, True, out),
            "nginx-unbuffered": lambda: nginx("nginx-unbuffered", work, upstream, False, out),
            "haproxy": lambda: haproxy(work, upstream, out),
            "tollgate": lambda: tollgate("tollgate", binary, work, upstream, out),
            "tollgate-power": lambda: tollgate("tollgate-power", binary, work, upstream, out, "power"),
            "portkey": lambda: portkey(upstream, out),
        }
        for extra in options.binary:
            name, file = extra.split("=", 1)
            make[name] = lambda name=name, file=file: tollgate(name, file, work, upstream, out)
        names = options.only.split(",") if options.only else list(make)
        contenders = []
        for name in names:
            if name not in make:
                sys.exit(f"bench: no contender '{name}'; there are: {', '.join(make)}")
            c = make[name]()
            started.append(c.process)
            contenders.append(c)
        for c in contenders:
            if c.has_store:
                fund(c)
            c.ready()
        modes = options.modes.split(",")
        for c in contenders:  # warm: connections, pages, JIT
            for mode in modes:
                run_load(c.port, mode, 64, 1, c.key, c.path, c.headers)
        result = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "versions": versions(),
                  "rounds": rounds, "seconds": seconds, "quick": options.quick}
        result["cpu"] = cpu_rounds(contenders, modes, rounds, seconds, standin.pid)
        if options.only:
            for name, by in result["cpu"].items():
                for mode, s in by.items():
                    print(f"{name:18}{mode:7}{s['rps']:>9,.0f} rps  path {s['path_us']:6.2f}  store {s['store_us']:5.2f}  "
                          f"all {s['cpu_us']:6.2f}  standin {s['standin_us']:5.2f}  {s['cpu_us_all']}")
            return
        result["rss_mb"] = {c.name: {"idle": round(c.rss_idle, 1), "after": round(c.rss(), 1)} for c in contenders}
        result["latency"] = latencies([c for c in contenders], upstream, standin.pid, 1 if options.quick else 3, 1 if options.quick else 2)
        result["goals"] = goals(result)
        print_table(result)
        os.makedirs(f"{ROOT}/benchmarks/results", exist_ok=True)
        file = f"{ROOT}/benchmarks/results/gateway-{result['date'][:10]}{'-quick.tmp' if options.quick else '.json'}"
        with open(file, "w") as f:
            json.dump(result, f, indent=1)
        print(f"\nwritten to {os.path.relpath(file, ROOT)}")
    except BaseException:
        out.flush()
        tail = open(f"{work}/out").read()[-3000:]
        if tail:
            print(f"--- what the servers said:\n{tail}", file=sys.stderr)
        raise
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        out.close()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
