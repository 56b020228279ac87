# SPDX-License-Identifier: Apache-2.0
"""deploy/Containerfile: what can be held of it without building it. Its health check and its packages are tried with the real programs."""

import os
import pathlib
import re
import subprocess
import unittest

from support import BIN, ROOT, Server

FILE = ROOT / "deploy/Containerfile"


def instructions(text):
    """[[(instruction, rest)]] of each stage; lines that go on are one."""
    stages = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, " ".join(rest.split())))
    return stages


def packages(rest):
    """Those that `apt-get install` names."""
    words = rest.split("apt-get install", 1)[1].split("&&")[0].split()
    return {w for w in words if not w.startswith("-")}


def lines_with(word, stage):
    return [rest for w, rest in stage if w == word]


class ContainerTest(unittest.TestCase):
    def setUp(self):
        self.text = FILE.read_text()
        self.build, self.run_stage = instructions(self.text)

    def test_both_stages_are_debian_12_and_nothing_is_fetched_but_packages(self):
        self.assertEqual([lines_with("FROM", s)[0].split()[0] for s in (self.build, self.run_stage)], ["debian:12"] * 2)
        self.assertNotRegex(self.text, r"https?://|\bADD\b|\bcurl\b|\bwget\b")

    def test_it_runs_as_a_user_without_rights_who_owns_the_store_alone(self):
        user = lines_with("USER", self.run_stage)
        self.assertEqual(len(user), 1)
        uid = user[0].split(":")[0]
        self.assertTrue(uid.isdigit() and int(uid) > 0, user)
        made = " ".join(lines_with("RUN", self.run_stage))
        self.assertIn(f"--uid {uid}", made)
        self.assertIn("-m 0700 /var/lib/faultline", made)
        words = [w for w, _ in self.run_stage]
        self.assertLess(max(n for n, w in enumerate(words) if w in ("RUN", "COPY")), words.index("USER"))
        self.assertEqual(lines_with("VOLUME", self.run_stage), ["/var/lib/faultline"])

    def test_what_it_copies_and_runs_is_there(self):
        built = " ".join(lines_with("RUN", self.build))
        for named in re.findall(r"(?:deploy|config|models)(?:/[\w.-]+)?", built + " ".join(lines_with("COPY", self.build))):
            self.assertTrue((ROOT / named).exists(), named)
        for rest in lines_with("COPY", self.run_stage):
            source = rest.split()[1]
            self.assertIn(source.rstrip("/"), built, f"{source} is made by the first stage")
        program = re.findall(r'"([^"]+)"', lines_with("ENTRYPOINT", self.run_stage)[0])[0]
        self.assertTrue((BIN / pathlib.Path(program).name).exists(), program)

    def test_its_packages_are_those_that_the_programs_are_linked_with(self):
        named = packages(" ".join(r for r in lines_with("RUN", self.run_stage) if "apt-get install" in r))
        needed = set()
        for program in ("faultlined", "faultline"):
            if "libasan" in subprocess.run(["objdump", "-p", str(BIN / program)], capture_output=True, text=True, check=True).stdout:
                self.skipTest("a build with sanitizers needs more")
            linked = subprocess.run(["objdump", "-p", str(BIN / program)], capture_output=True, text=True, check=True).stdout
            at = dict(re.findall(r"^\s*(\S+) => (\S+)", subprocess.run(
                ["ldd", str(BIN / program)], capture_output=True, text=True, check=True).stdout, re.M))
            for library in re.findall(r"NEEDED\s+(\S+)", linked):
                if library in at:
                    needed.add(package_of(at[library]))
        self.assertEqual(needed - named - {"libc6", "libgcc-s1"}, set(), "the programs need these, too")
        # Loaded by others: BLAS for LibTorch, time zones for maintenance windows, whom https trusts.
        others = {"ca-certificates", "libopenblas0-pthread", "tzdata"}
        self.assertEqual(others - named, set(), "the programs open their files")
        self.assertEqual(named - needed - others, set(), "nothing needs these")

    def test_its_health_check_says_whether_a_server_is_there(self):
        command = lines_with("HEALTHCHECK", self.run_stage)[0]
        script = re.search(r'CMD \["bash", "-c", "(.*)"\]', command).group(1).replace("\\\\", "\\")
        server = Server()
        self.addCleanup(server.remove)
        script = script.replace("/7800", f"/{server.http}")
        self.assertNotEqual(subprocess.run(["bash", "-c", script], capture_output=True, timeout=30).returncode, 0)
        server.start()
        self.assertEqual(subprocess.run(["bash", "-c", script], capture_output=True, timeout=30).returncode, 0)


def package_of(library):
    """The Debian package of a file; /lib is a link to /usr/lib."""
    real = os.path.realpath(library)
    for path in (real, real.removeprefix("/usr"), library):
        done = subprocess.run(["dpkg-query", "--search", path], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    raise AssertionError(f"no package has {library}")


if __name__ == "__main__":
    unittest.main()
