#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the rooms to the table "who may know whom".

Usage: tools/check_layers.py [root]

Reads every #include of the C++ files in the rooms and in tests/, and every import of the
page's modules in dashboard/web/. Prints "layers hold: N files, M includes" and exits 0, or
prints one line per violation, "file:line ...", and exits 1.
"""

import os
import re
import sys

ROOMS = ("messages", "processing", "inference", "judgement", "storage", "transport", "cluster",
         "config", "actors", "dashboard", "lab", "server", "tools")

# Who may know whom. A room always knows itself; options.hpp of a room is all that config knows.
MAY_KNOW = {
    "messages": (),
    "processing": ("messages",),
    "storage": ("messages",),
    "transport": ("messages",),
    "inference": ("messages", "processing"),
    "judgement": ("messages", "processing", "inference"),
    "cluster": ("messages", "storage"),
    "dashboard": ("messages", "transport"),
    "lab": ("messages", "processing", "inference", "judgement"),
    "config": (),
    "actors": ("messages", "processing", "inference", "judgement", "storage", "transport"),
    "tools": tuple(r for r in ROOMS if r not in ("actors", "dashboard", "server")),
    "server": ROOMS,
}

# Third-party headers that only some rooms may include, by the start of their path.
OWNERS = {
    "caf/": ("actors", "server"),
    "rocksdb/": ("storage",),
    "lz4.h": ("storage",),
    "torch/": ("inference",),
    "ATen/": ("inference",),
    "c10/": ("inference",),
    "opencv2/": ("inference",),
    "zmq.h": ("transport",),  # zmq.hpp as well
    "zmq_addon.hpp": ("transport",),
    "boost/beast": ("transport",),
    "boost/asio": ("transport",),
    "curl/": ("transport",),
    "google/protobuf/": ("transport",),
    "snappy": ("transport",),
    "re2/": ("processing",),
    "date/": ("config",),
    "yaml-cpp/": ("config",),
    "nats/": ("cluster",),
    "nats.h": ("cluster",),
}

# Public headers name no third-party type, except where a library is the room's own language.
# Headers in <room>/internal/ are not public: they may, and no other room includes them.
HEADERS_WITH_LIBRARIES = {
    "actors": ("caf/",),
    "server": ("",),
}
INTERNAL = "/internal/"

SOURCES = (".hpp", ".cpp", ".h", ".cc")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
IMPORT = re.compile(
    r'''^\s*(?:import\s*|(?:import|export)\b[^'"]*\bfrom\s*|\}\s*from\s*)['"]([^'"]+)['"]''')
COMMENT = re.compile(r'''"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/''', re.S)
# A C or C++ standard header has no directory and no suffix; POSIX and Linux ones are listed.
STANDARD = re.compile(r"^[a-z0-9_]+$")
SYSTEM_HEADERS = re.compile(
    r"^((sys|linux|arpa|netinet|net|asm)/[a-z0-9_]+\.h|"
    r"(assert|byteswap|cpuid|ctype|cxxabi|dirent|dlfcn|endian|errno|execinfo|fcntl|float|ftw|"
    r"getopt|glob|grp|inttypes|limits|locale|malloc|math|netdb|poll|pthread|pwd|sched|semaphore|"
    r"setjmp|signal|spawn|stdarg|stddef|stdint|stdio|stdlib|string|strings|termios|time|ucontext|"
    r"unistd|wchar|immintrin|x86intrin|[a-z]mmintrin)\.h)$")


class Include:
    """One #include: who says it, where, and what it names."""

    def __init__(self, file, line, quoted, path):
        self.file = file
        self.line = line
        self.quoted = quoted
        self.path = path

    def __str__(self):
        return f"{self.file}:{self.line}"


def top_folder(path):
    return path.split("/", 1)[0]


def find_files(root, suffixes, folders):
    """Files of the folders, relative to root, in order; node_modules and builds left out."""
    found = []
    for folder in folders:
        for here, dirs, names in os.walk(os.path.join(root, folder)):
            dirs[:] = sorted(d for d in dirs if d not in ("node_modules", "build", "__pycache__"))
            found += [os.path.relpath(os.path.join(here, name), root)
                      for name in sorted(names) if name.endswith(suffixes)]
    return found


def without_comments(text):
    """Blanks comments, keeping the lines, so that an example in one is no include."""
    def blank(match):
        found = match.group()
        return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)
    return COMMENT.sub(blank, text)


def read_includes(root, file):
    with open(os.path.join(root, file), encoding="utf-8") as stream:
        text = without_comments(stream.read())
    includes = []
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        if match:
            includes.append(Include(file, number, match.group(1) == '"', match.group(2)))
    return includes


def mirrored_room(file):
    """The room a test mirrors; None for flow, e2e and the others that need the whole house."""
    parts = file.split("/")
    return parts[1] if len(parts) > 2 and parts[1] in ROOMS else None


def rooms_known_by(file):
    """The rooms a file may include headers of; tests know what the room they mirror knows."""
    room = top_folder(file)
    if room == "tests":
        room = mirrored_room(file)
        if room is None:
            return set(ROOMS) | {"tests"}
        return {room, "tests"} | set(MAY_KNOW[room])
    return {room} | set(MAY_KNOW[room])


def check_room(include):
    """A quoted include names one of our own headers, from the root of the repository."""
    target = top_folder(include.path)
    speaker = top_folder(include.file)
    if speaker == "tests" and mirrored_room(include.file):
        speaker = mirrored_room(include.file)
    if target not in ROOMS and target != "tests":
        return (f'{include} "{include.path}" is not a path from the root of the repository '
                "(a third-party header is written <...>)")
    if INTERNAL in include.path and target != speaker:
        return f"{include} room {speaker} may not know the inside of {target} ({include.path})"
    if target in rooms_known_by(include.file):
        return None
    if speaker == "config" and target in ROOMS and include.path.endswith("/options.hpp"):
        return None
    return f"{include} room {speaker} may not know {target} ({include.path})"


def library_owners(path):
    for prefix, owners in OWNERS.items():
        if path.startswith(prefix):
            return owners
    return None


def not_yours(room, path, owners):
    return f"room {room} may not know <{path}>: it belongs to {', '.join(owners)}"


def check_library(include):
    """An angled include names the standard library, the system or a third party."""
    path = include.path
    if top_folder(path) in ROOMS and "/" in path and path.endswith(SOURCES):
        return f'{include} <{path}> is our own header: write it "..."'
    if STANDARD.match(path) or SYSTEM_HEADERS.match(path):
        return None
    room = top_folder(include.file)
    if room == "tests":
        room = mirrored_room(include.file)
        if room is None:
            return None
        owners = library_owners(path)
        if owners and room not in owners and room != "server":
            return f"{include} tests of {not_yours(room, path, owners)}"
        return None
    owners = library_owners(path)
    if owners and room not in owners:
        return f"{include} {not_yours(room, path, owners)}"
    if include.file.endswith((".hpp", ".h")) and INTERNAL not in include.file:
        allowed = HEADERS_WITH_LIBRARIES.get(room, ())
        if not any(path.startswith(prefix) for prefix in allowed):
            return f"{include} room {room} may not know <{path}> in a header: hide it in a .cpp"
    return None


def find_cycles(edges):
    """Each cycle of files that include one another, once, from its smallest name."""
    cycles, state, stack = set(), {}, []

    def visit(file):
        state[file] = "open"
        stack.append(file)
        for target in edges.get(file, ()):
            if state.get(target) == "open":
                ring = stack[stack.index(target):]
                turn = ring.index(min(ring))
                cycles.add(tuple(ring[turn:] + ring[:turn]))
            elif target not in state:
                visit(target)
        stack.pop()
        state[file] = "done"

    for file in sorted(edges):
        if file not in state:
            visit(file)
    return sorted(cycles)


def check_web(root):
    """Modules of the page import only one another, by relative path inside dashboard/web."""
    violations, count, files = [], 0, find_files(root, (".js", ".mjs"), ["dashboard/web"])
    for file in [f for f in files if "/vendor/" not in f]:
        with open(os.path.join(root, file), encoding="utf-8") as stream:
            lines = stream.read().split("\n")
        for number, line in enumerate(lines, 1):
            match = IMPORT.match(line)
            if not match:
                continue
            count += 1
            name = match.group(1)
            target = os.path.normpath(os.path.join(os.path.dirname(file), name))
            if name.startswith("/"):
                target = "dashboard/web" + name
            elif not name.startswith("."):
                target = ""
            if not target.startswith("dashboard/web/"):
                violations.append(f"{file}:{number} the page may not know {name}: "
                                  "a module is imported by its path inside dashboard/web")
    return violations, len(files), count


def check(root):
    """All violations in the tree, with the number of files and of includes read."""
    violations, edges, count = [], {}, 0
    files = find_files(root, SOURCES, list(ROOMS) + ["tests"])
    for file in files:
        includes = read_includes(root, file)
        count += len(includes)
        edges[file] = [i.path for i in includes if i.quoted]
        for include in includes:
            found = check_room(include) if include.quoted else check_library(include)
            if found:
                violations.append(found)
    for ring in find_cycles(edges):
        violations.append(f"{ring[0]}:1 files include one another: " + " -> ".join(ring + ring[:1]))
    web_violations, web_files, web_count = check_web(root)
    return violations + web_violations, len(files) + web_files, count + web_count


def main(arguments):
    if len(arguments) > 1 or (arguments and arguments[0] in ("-h", "--help")):
        print(__doc__.strip())
        return 0 if arguments == ["-h"] or arguments == ["--help"] else 2
    root = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), "..")
    if not os.path.isdir(root):
        print(f"check_layers: {root} is not a directory", file=sys.stderr)
        return 2
    violations, files, includes = check(root)
    if files == 0:
        print(f"check_layers: no source file under {root}", file=sys.stderr)
        return 2
    for violation in violations:
        print(violation)
    if violations:
        print(f"layers broken: {len(violations)} violations in {files} files")
        return 1
    print(f"layers hold: {files} files, {includes} includes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
