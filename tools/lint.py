#!/usr/bin/env python3
"""The repository's own rules, checked over the sources. Prints each breach as file:line: rule: what to do instead.

`lint.py`          prints breaches, exit code 1 when there are any
`lint.py --count`  the same, with a last line "RULES_PASSED RULES_FAILED"
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SRC = os.path.join(ROOT, "src")


def tracked(*suffixes):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True).stdout
    return [f for f in out.splitlines() if f.endswith(suffixes) and os.path.isfile(os.path.join(ROOT, f))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def room_of(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


def without_comments(text):
    """Blanks comments and string literals, keeping line numbers."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.S)
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return pattern.sub(blank, text)


CODE = tracked(".cpp", ".hpp")
SRC_CODE = [f for f in CODE if f.startswith("src/")]


def line_of(text, index):
    return text.count("\n", 0, index) + 1


def arrows():
    table = {}
    for m in re.finditer(r"^room\((\w+)\s*(?:DEPS\s+([\w\s]*?))?(?:LIBS[^)]*)?\)", read("cmake/rooms.cmake"), re.M):
        table[m.group(1)] = set((m.group(2) or "").split())
    return table


def check_arrows():
    """A room includes only itself and the rooms named for it in cmake/rooms.cmake."""
    table = arrows()
    for path in SRC_CODE:
        room = room_of(path)
        if room is None:
            continue
        for m in re.finditer(r'^#include "(\w+)/', read(path), re.M):
            target = m.group(1)
            if target in table and target != room and target not in table.get(room, set()):
                yield path, line_of(read(path), m.start()), f"{room} may not include {target}/ (cmake/rooms.cmake names the arrows)"


HEAVY = {
    "sqlite3.h": ("src/store/sqlite/",), "libpq-fe.h": ("src/store/postgres/",), "simdjson.h": ("src/dialects/",),
    "boost/beast": ("src/net/", "tests/"), "prometheus/": ("src/control/", "src/base/"),
}


def check_heavy_headers():
    """Engine headers never leave their room."""
    for path in CODE:
        for m in re.finditer(r"^#include [<\"]([^>\"]+)[>\"]", read(path), re.M):
            for header, homes in HEAVY.items():
                if m.group(1).startswith(header) and not path.startswith(homes) and not path.startswith("tests/"):
                    yield path, line_of(read(path), m.start()), f"{header} is only for {', '.join(homes)}"


def check_braces_in_co_await():
    """GCC 12 double-frees aggregate and lambda temporaries inside a co_await expression: name them, then move."""
    for path in CODE:
        text = without_comments(read(path))
        for m in re.finditer(r"\bco_await\b", text):
            depth, i = 0, m.end()
            while i < len(text):
                c = text[i]
                if c == "(":
                    depth += 1
                elif c == ")":
                    depth -= 1
                    if depth < 0:
                        break
                elif c == ";":
                    break
                elif c == "{":
                    if depth >= 1:
                        yield path, line_of(text, m.start()), "no braces inside a co_await expression: name the value, then std::move it"
                    break
                i += 1


def check_money_types():
    """No floating point in the rooms where money lives."""
    for path in SRC_CODE:
        if room_of(path) not in ("pricing", "ledger", "journal") and not path.startswith("src/types/money"):
            continue
        if path.endswith("_test.cpp"):
            continue
        text = without_comments(read(path))
        for m in re.finditer(r"\b(double|float)\b", text):
            yield path, line_of(text, m.start()), "no floating point near money: use Money, pico-USD integers, __int128"


BANNED = [
    (r"\b(TODO|FIXME|XXX|HACK)\b", "finish it or say in the documentation what is missing", True),
    (r"\bstd::regex\b", "use PCRE2 or hand-written parsing", False),
    (r"\bsleep_for\b|\busleep\(", "wait on an event, or use the timers of net/", False),
    (r"\busing namespace std;", "name what you use", False),
    (r"\bstd::(cout|cerr)\b", "log through base/log.hpp; programs print with fmt::print", False),
]


def check_banned():
    """Words and calls with a better replacement."""
    for path in SRC_CODE:
        if path.endswith("_test.cpp"):
            continue
        raw, code = read(path), without_comments(read(path))
        for pattern, instead, in_comments in BANNED:
            text = raw if in_comments else code
            for m in re.finditer(pattern, text):
                if pattern.startswith(r"\bsleep_for") and path.startswith("src/net/"):
                    continue  # net/ has an awaitable of that name: a timer, not a blocked thread
                if "co_await" in text[max(0, m.start() - 40):m.start()]:
                    continue
                yield path, line_of(text, m.start()), f"'{m.group(0)}': {instead}"


def check_pragma_once():
    """Every header is guarded."""
    for path in CODE:
        if path.endswith(".hpp") and "#pragma once" not in read(path)[:400]:
            yield path, 1, "start with #pragma once"


def check_blobs():
    """No file over 512 KiB in the repository but lock files and corpora."""
    for path in tracked(""):
        full = os.path.join(ROOT, path)
        if os.path.getsize(full) > 512 * 1024 and not path.endswith("package-lock.json"):
            yield path, 1, "large files are generated at build time, not committed"


def check_rooms_documented():
    """Every room has its line in ARCHITECTURE.md."""
    try:
        text = read("ARCHITECTURE.md")
    except FileNotFoundError:
        yield "ARCHITECTURE.md", 1, "missing"
        return
    for room in sorted(os.listdir(SRC)):
        if os.path.isdir(os.path.join(SRC, room)) and f"`{room}/`" not in text:
            yield "ARCHITECTURE.md", 1, f"room `{room}/` is not described"


def check_example_config():
    """Every test that a README command names exists: the scripts at the top are executable."""
    for path in ("run", "test", ".ci/run", "tools/setup.sh", "tools/build.sh"):
        if not os.access(os.path.join(ROOT, path), os.X_OK):
            yield path, 1, "must be executable"


RULES = [check_arrows, check_heavy_headers, check_braces_in_co_await, check_money_types, check_banned,
         check_pragma_once, check_blobs, check_rooms_documented, check_example_config]


def main():
    passed = failed = 0
    for rule in RULES:
        breaches = list(rule())
        for path, line, what in breaches:
            print(f"{path}:{line}: {rule.__name__.removeprefix('check_')}: {what}")
        passed, failed = (passed, failed + 1) if breaches else (passed + 1, failed)
    if "--count" in sys.argv:
        print(passed, failed)
        return 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
