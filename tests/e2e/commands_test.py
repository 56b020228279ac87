# SPDX-License-Identifier: Apache-2.0
"""What the command line says of mistakes, and who it says has done something: the words an operator goes by."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from support import BIN, Publisher, Server, free_ports
from wire import wait_for

BAD = """\
web: {listen_address: "0.0.0.0:7800"}
ingest: {pull: ["tcp://0.0.0.0:7801"], syslog: ["udp://0.0.0.0:5514"], subscribe: ["tcp://10.0.0.7:5556"]}
processing: {tick: 10}
maintenance:
  - {name: backup, entities: ["db/*"], days: [samstag], at: "25:00", duration: 1h, zone: Europe/Berln}
notifications:
  receivers: [{name: team, url: "htp://x"}]
  routes: [{receiver: nobody, matchers: ['severity=~"("']}]
inhibit: [{source: ['a=~"("'], target: ["b=c"], equal: [d]}]
"""
# What is wrong with it, each by words of its own.
WRONG = ["processing.tick", "samstag", "25:00", "Europe/Berln", "that is not http://", "nobody", "missing )", "inhibit",
         "0.0.0.0:7800 is open to a network", "tcp://0.0.0.0:7801 is open to a network",
         "udp://0.0.0.0:5514 is open to a network", "tcp://10.0.0.7:5556 leads over a network"]


def run(*command, environment=None, cwd=None):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60, env=environment, cwd=cwd)


class FilesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="faultline-commands-")
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def file(self, text):
        path = self.dir / "faultline.yaml"
        path.write_text(text)
        return path

    def test_check_config_names_every_mistake(self):
        done = run(BIN / "faultline", "check-config", self.file(BAD))
        self.assertEqual(done.returncode, 1)
        for words in WRONG:
            self.assertTrue(any(w in done.stdout for w in words.split("|")), f"{words}: {done.stdout}")
        self.assertEqual(run(BIN / "faultline", "check-config", self.file("processing: {tick: 10s}\n")).returncode, 0)

    def test_what_only_other_rooms_can_say_of_a_line_names_that_line(self):
        done = run(BIN / "faultline", "check-config", self.file("""
maintenance:
  - {name: fine, entities: ["db/*"], at: "02:00", duration: 1h}
  - {name: backup, entities: ["db/*"], at: "25:00", duration: 1h}
notifications:
  receivers:
    - {name: team, url: "http://x", title: "{{ oh }}"}
  routes:
    - {receiver: team}
    - {receiver: nobody}
inhibit:
  - {source: ['a="b"'], target: ["b=c"]}
  - {source: ['a=~"("'], target: ["b=c"]}
edges:
  - {from: host/a, to: "host/\\x01"}
model: {directory: /nowhere/at/all}
storage:
  write_buffer: 1TiB
"""))
        lines = [line.split(":")[1] + " " + line.split(": ")[1] for line in done.stdout.splitlines()]
        self.assertEqual(sorted(lines), ["10 notifications.routes", "13 inhibit", "15 edges", "18 storage.write_buffer",
                                         "4 maintenance", "7 notifications.receivers"], done.stdout)

    def test_what_check_config_lets_pass_the_server_does_not_refuse_for_its_addresses_and_names(self):
        """Each alone: what one of the two refuses the other refuses, with the same words."""
        for text, words in (('web: {listen_address: "0.0.0.0:7800"}\n', "is open to a network"),
                            ('feed: {publish: "tcp://*:7803"}\n', "is open to a network"),
                            ('security: {curve: always}\n', "asks for keys"),
                            ('ingest: {statsd: ["udp://10.0.0.1:8125"]}\n', "nobody can prove who sends"),
                            ('naming: {aliases: {host/a: "host/\\x01"}}\n', "what host/a is called is no name"),
                            ('edges: [{from: host/a, to: "host/\\x01"}]\n', "no entity may have the name"),
                            ('entities: {memory: 512TiB}\n', "is more than the memory of this machine")):
            path = self.file(f"storage: {{path: {self.dir / 'store'}}}\n" + text)
            checked = run(BIN / "faultline", "check-config", path)
            self.assertEqual(checked.returncode, 1, text + checked.stdout)
            self.assertIn(words, checked.stdout)
            started = run(BIN / "faultlined", "--config.file", path)
            self.assertEqual(started.returncode, 2, text + started.stderr)
            self.assertIn(words, started.stderr)
            self.assertFalse((self.dir / "store").exists(), "the store was opened")

    def test_check_config_looks_at_the_models_that_are_named(self):
        models = pathlib.Path(__file__).resolve().parents[2] / "models"
        (self.dir / "text.flm").write_text("no model\n")
        for lstm, ranker, wrong in ((models / "lstm.flm", models / "ranker.flm", []), ("absent.flm", "", ["model.lstm: model file absent.flm: No such"]),
                                    ("", self.dir, [f"model.ranker: model file {self.dir} is no readable file"]),
                                    (models / "ranker.flm", self.dir / "text.flm", ["holds a ranker, not a forecaster", "text.flm: "])):
            done = run(BIN / "faultline", "check-config", self.file(f'model: {{lstm: "{lstm}", ranker: "{ranker}"}}\n'))
            self.assertEqual((done.returncode, len(done.stdout.splitlines()) if wrong else 0), (1 if wrong else 0, len(wrong)), done.stdout)
            for words in wrong:
                self.assertIn(words, done.stdout)

    def keys(self):
        """@returns a configuration with keys, clients, tokens and a certificate of its own, all of them sound."""
        for name in ("server", "probe"):
            run(BIN / "faultline", "keygen", name, "--out", self.dir, *(["--allow", "ingest"] if name == "probe" else []))
        (self.dir / "clients").mkdir()
        (self.dir / "probe.pub").rename(self.dir / "clients/probe.pub")
        run(BIN / "faultline", "token", "create", "pager", "--file", self.dir / "tokens")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-keyout", self.dir / "web.key", "-out", self.dir / "web.pem")
        os.chmod(self.dir / "web.key", 0o600)
        http, *ports = free_ports(5)
        pull, router, publish, replay = (f"tcp://127.0.0.1:{port}" for port in ports)
        return (f"storage: {{path: {self.dir / 'store'}}}\n"
                f"security: {{key: {self.dir / 'server.secret'}, clients: {self.dir / 'clients'}, curve: always}}\n"
                f"web: {{listen_address: 127.0.0.1:{http}, tls_certificate: {self.dir / 'web.pem'}, tls_key: {self.dir / 'web.key'},"
                f" tokens: {self.dir / 'tokens'}}}\n"
                f"ingest: {{pull: ['{pull}'], router: ['{router}']}}\nfeed: {{publish: '{publish}', replay: '{replay}'}}\n")

    def test_what_check_config_lets_pass_the_server_does_not_refuse_for_its_files_of_rights(self):
        """Each alone, with the same words: a file that ends the start is told before it."""
        text = self.keys()
        path = self.file(text)
        self.assertEqual(run(BIN / "faultline", "check-config", path).returncode, 0)
        client = (self.dir / "clients/probe.pub").read_text()
        other = self.dir / "other.key"
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", other)
        os.chmod(other, 0o600)
        for change, key, words in (
                (lambda: os.chmod(self.dir / "server.secret", 0o644), "security.key", "chmod 600 it"),
                (lambda: (self.dir / "server.secret").write_text("curve\n"), "security.key", "there is no public-key"),
                (lambda: (self.dir / "clients").rename(self.dir / "gone"), "security.clients", "cannot read the directory"),
                (lambda: (self.dir / "clients/probe.pub").write_text(client.replace("allow", "alow")), "security.clients", "alow is not known"),
                (lambda: (self.dir / "clients/two.pub").write_text(client), "security.clients", "holds the key of another file"),
                (lambda: path.write_text(text.replace("web.key", "other.key")), "web.tls_certificate", "is not the key of the certificate"),
                (lambda: (self.dir / "web.pem").unlink(), "web.tls_certificate", "web.pem cannot be read"),
                (lambda: (self.dir / "tokens").write_text("pager king 00\n"), "web.tokens", "line 1"),
                (lambda: os.chmod(self.dir / "tokens", 0o640), "web.tokens", "chmod 600 it"),
                (lambda: path.write_text(text.replace("router: [", "subscribe: ['tcp://10.0.0.7:5556'], router: [")), "ingest.subscribe",
                 "no file in security.clients names it")):
            with self.subTest(words=words), tempfile.TemporaryDirectory() as kept:
                shutil.copytree(self.dir, kept, dirs_exist_ok=True)
                change()
                checked = run(BIN / "faultline", "check-config", path)
                self.assertEqual((checked.returncode, len(checked.stdout.splitlines())), (1, 1), checked.stdout + checked.stderr)
                self.assertRegex(checked.stdout, rf"{re.escape(str(path))}(:\d+:\d+)?: {re.escape(key)}: ")
                self.assertIn(words, checked.stdout)
                started = run(BIN / "faultlined", "--config.file", path)
                self.assertEqual(started.returncode, 1, started.stderr)
                self.assertIn(words, started.stderr)
                shutil.rmtree(self.dir)
                shutil.copytree(kept, self.dir)

    def test_check_config_says_what_it_cannot_look_at_and_judges_it_neither_way(self):
        text = self.keys()
        locked = self.dir / "locked"
        locked.mkdir()
        (self.dir / "server.secret").rename(locked / "server.secret")
        path = self.file(text.replace("server.secret", "locked/server.secret"))
        if os.geteuid() == 0:
            os.chown(locked / "server.secret", 12345, 12345)
        else:
            os.chmod(locked, 0)
            self.addCleanup(os.chmod, locked, 0o700)
        checked = run(BIN / "faultline", "check-config", path)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn("left aside", checked.stderr)
        self.assertIn("server.secret belongs to another user", checked.stderr)
        told = json.loads(run(BIN / "faultline", "check-config", path, "-o", "json").stdout)
        self.assertEqual((told["ok"], [one["key"] for one in told["unseen"]]), (True, ["security.key"]))

    def test_check_config_tells_of_a_broken_seal_beside_its_answer(self):
        path = self.file(self.keys())
        tokens = self.dir / "tokens"
        tokens.write_text(tokens.read_text().replace("pager", "paper"))
        checked = run(BIN / "faultline", "check-config", path, "-o", "json")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn(str(tokens), checked.stderr)
        self.assertTrue(json.loads(checked.stdout)["ok"])

    def test_check_config_looks_for_the_directory_of_models(self):
        done = run(BIN / "faultline", "check-config", self.file(f"model: {{directory: {self.dir / 'absent'}}}\n"))
        self.assertEqual(done.returncode, 0, "the server starts with it: " + done.stdout)
        self.assertIn(f"model.directory: not there: {self.dir / 'absent'}", done.stderr)
        done = run(BIN / "faultline", "check-config", self.file(f"model: {{directory: {self.dir}}}\n"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_without_the_files_that_come_with_it_neither_check_config_nor_the_server_is_content(self):
        home = self.dir / "a" / "b" / "bin"
        home.mkdir(parents=True)
        for name in ("faultline", "faultlined"):
            shutil.copy(BIN / name, home / name)
        path = self.file(f"storage: {{path: {self.dir / 'store'}}}\n")
        done = run(home / "faultline", "check-config", path, cwd=self.dir)
        self.assertEqual(done.returncode, 1, done.stdout)
        for key in ("model.lstm", "runbooks"):
            self.assertIn(f"{key}: none is named, and none came with this program: no file ", done.stdout)
        started = run(home / "faultlined", "--config.file", path, cwd=self.dir)
        self.assertEqual(started.returncode, 2, started.stderr)
        self.assertIn("model.lstm: no file ", started.stderr)

    def test_a_file_that_is_not_there_is_told_with_the_key_that_names_it(self):
        done = run(BIN / "faultline", "check-config", self.file(f"roles: {self.dir / 'absent'}\nrunbooks: {self.dir}\n"))
        self.assertEqual((done.returncode, done.stdout.count("\n")), (1, 2), done.stdout)
        self.assertIn(f"roles: no file {self.dir / 'absent'}\n", done.stdout)
        self.assertIn(f"runbooks: no file {self.dir}\n", done.stdout)

    def test_one_key_of_two_is_wrong_usage(self):
        run(BIN / "faultline", "keygen", "server", "--out", self.dir)
        (self.dir / "events.jsonl").write_text("")
        (self.dir / "recording").mkdir()
        for words in (["publish", self.dir / "events.jsonl"], ["tail"], ["dead-letter", "replay", "1"],
                      ["bench", "generate", "--router", "tcp://127.0.0.1:1"]):
            for key, missing in (("--key-file", "--server-key-file"), ("--server-key-file", "--key-file")):
                done = run(BIN / "faultline", *words, key, self.dir / "server.secret")
                self.assertEqual(done.returncode, 2, f"{words}: {done.stdout}{done.stderr}")
                self.assertIn(f"go together: {missing} is missing", done.stderr)
        done = run(BIN / "faultline", "publish", self.dir / "events.jsonl", "--key-file", self.dir / "absent", "--server-key-file",
                   self.dir / "server.pub")
        self.assertEqual(done.returncode, 1, done.stderr)

    def test_a_name_that_is_none_of_a_token_is_wrong_usage(self):
        for name in ("two words", "a#b", "", "n" * 65):
            done = run(BIN / "faultline", "token", "create", name, "--file", self.dir / "tokens")
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn("is no name of a token", done.stderr)
        self.assertFalse((self.dir / "tokens").exists())
        self.assertEqual(run(BIN / "faultline", "token", "create", "pager", "--file", self.dir / "tokens").returncode, 0)
        self.assertEqual(run(BIN / "faultline", "token", "create", "pager", "--file", self.dir / "tokens").returncode, 1)

    def test_flags_of_the_server_are_checked_before_the_store_is_opened(self):
        for flag, value in (("--web.listen-address", "nope"), ("--web.listen-address", "127.0.0.1:99999"), ("--log.level", "loud")):
            done = run(BIN / "faultlined", "--storage.path", self.dir / "store", flag, value)
            self.assertEqual(done.returncode, 2, f"{flag} {value}: {done.stderr}")
            self.assertIn(value, done.stdout + done.stderr)
            self.assertFalse((self.dir / "store").exists(), f"{flag} {value}: the store was opened")

    def test_inject_that_adds_nothing_fails_and_says_so(self):
        run(BIN / "faultline", "simulate", "--seed", "3", "--services", "5", "--duration", "1h", "--out", self.dir / "short")
        done = run(BIN / "faultline", "inject", self.dir / "short", "--out", self.dir / "none", "--seed", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no fault was added", done.stderr)

    def test_a_day_is_a_time(self):
        done = run(BIN / "faultline", "keygen", "probe", "--allow", "feed", "--not-after", "2031-12-31", "--out", self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2031-12-31", (self.dir / "probe.pub").read_text())
        self.assertEqual(run(BIN / "faultline", "keygen", "other", "--allow", "feed", "--not-after", "2031-13-31",
                             "--out", self.dir).returncode, 2)

    def test_a_name_or_an_address_that_is_none_is_wrong_usage(self):
        for words in (["a/b"], ["b", "--allow", "feed", "--entity", ""], ["c", "--endpoint", "nonsense"]):
            done = run(BIN / "faultline", "keygen", *words, "--out", self.dir)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(f"'{words[-1]}' is no ", done.stderr)
        self.assertEqual(list(self.dir.iterdir()), [])
        self.assertEqual(run(BIN / "faultline", "keygen", "d", "--out", self.dir / "absent").returncode, 1)
        for address in ("nonsense", "http://127.0.0.1", "127.0.0.1:99999", "", "http://127.0.0.1:7800/prefix"):
            done = run(BIN / "faultline", "status", "--server", address)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(f"'{address}' is not an address like 127.0.0.1:7800", done.stdout + done.stderr)
        done = run(BIN / "faultline", "status", environment={**os.environ, "FAULTLINE_SERVER": "nonsense"})
        self.assertEqual(done.returncode, 2, done.stderr)

    def test_a_silence_and_a_window_last_some_time_and_a_time_is_one_of_the_calendar(self):
        """In the words of the options, before a server is asked: none runs here."""
        silence = ("silence", "add", "-c", "why", "entity=host/a")
        window = ("maintenance", "add", "backup", "--entity", "db/*", "-c", "why")
        for words, said in (((*silence, "-d", "0s"), "--duration: '0s' is less than 1ms: write"), ((*silence, "-d", "x"), "--duration: 'x' is no"),
                            ((*window, "-d", "500ms"), "--duration: '500ms' is less than 1s"), ((*window, "-d", "0"), "--duration: '0'"),
                            ((*silence, "--start", "2026-02-31"), "--start: '2026-02-31' is no time"),
                            ((*silence, "--end", "2026-01-01T25:00:00Z"), "--end: '2026-01-01T25:00:00Z' is no time"),
                            (("keygen", "x", "--allow", "feed", "--not-after", "2027-02-29"), "--not-after: '2027-02-29' is no time")):
            done = run(BIN / "faultline", *words)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)

    def test_a_number_that_has_to_be_above_zero_is_one(self):
        for number in ("nan", "inf", "0", "-1", "1e400", "x"):
            done = run(BIN / "faultline", "keygen", "probe", "--allow", "ingest", "--rate", number, "--out", self.dir)
            self.assertEqual(done.returncode, 2, number)
            self.assertIn(f"'{number}' is no number above 0", done.stderr)
            self.assertFalse((self.dir / "probe.pub").exists(), "keys without the rate that was asked for")
        done = run(BIN / "faultline", "keygen", "probe", "--allow", "ingest", "--rate", "0.5", "--max-entities", "7", "--out", self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('events-per-second = "0.5"', (self.dir / "probe.pub").read_text())

    def test_a_word_that_is_no_command_is_named(self):
        for words, named in ((["staus"], "no command 'staus'"), (["alert", "foo"], "no command 'foo': `faultline alert --help`"),
                             (["-o", "yaml", "status"], "'yaml' is none of json, simple")):
            done = run(BIN / "faultline", *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(named, done.stdout + done.stderr)
        self.assertNotIn("\0", run(BIN / "faultline", "evaluate", "told", "--help").stdout)

    def test_an_option_that_nobody_knows_is_named_first(self):
        """Whatever else is missing: it may be missing because the option was misspelt."""
        for words, named, where in ((["--bogus"], "--bogus", "faultline"), (["--bogus", "status"], "--bogus", "faultline status"),
                                    (["status", "--bogus=3"], "--bogus", "faultline status"), (["alert", "-x"], "-x", "faultline alert"),
                                    (["publish", "--fil", "x.csv", "-r"], "--fil", "faultline publish"),
                                    (["silence", "add", "--coment", "why", "a=b"], "--coment", "faultline silence add")):
            done = run(BIN / "faultline", *words)
            self.assertEqual((done.returncode, done.stderr), (2, f"faultline: no option '{named}': `{where} --help` lists them\n"))
        done = run(BIN / "faultline", "status", "today")
        self.assertEqual(done.returncode, 2)
        self.assertIn("not expected: today", done.stdout + done.stderr)

    def test_no_option_is_taken_for_the_value_of_another(self):
        window = ["maintenance", "add", "w", "--entity", "db/*"]
        for words, named in (([*window, "-c", "why", "-d", "--end", "2030-01-01"], "--duration: a value is missing before '--end'"),
                             ([*window, "-d", "1h", "-c", "--force"], "--comment: a value is missing before '--force'"),
                             ([*window, "-d", "1h", "-c", "-a", "ann"], "--comment: a value is missing before '-a'"),
                             ([*window, "-d", "1h", "-c", "--by=ann"], "--comment: a value is missing before '--by=ann'"),
                             (["silence", "add", "a=b", "-c", "--duration", "1h"], "--comment: a value is missing before '--duration'"),
                             (["alert", "list", "--entity", "--server", "http://x"], "--entity: a value is missing before '--server'"),
                             (["--token-file", "--help", "status"], "--token-file: a value is missing before '--help'")):
            done = run(BIN / "faultline", *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(named, done.stdout + done.stderr)
        nobody = ["--server", "http://127.0.0.1:9"]
        for meant in (["--comment=--force"], ["-c--force"], ["-c", "--forced"], ["-c", "-"], ["-c", "--"], ["-c", "-5"]):
            done = run(BIN / "faultline", *nobody, *window, "-d", "1h", *meant)
            self.assertEqual(done.returncode, 1, (meant, done.stdout + done.stderr))

    def test_a_count_below_zero_is_refused(self):
        """It was the largest number of its type."""
        for words in (["simulate", "--out", self.dir / "never", "--seed", "-1"], ["simulate", "--out", self.dir / "never", "--faults=-1"],
                      ["tail", "--from", "-1"], ["tail", "--count=-1"], ["inject", "x", "--out", self.dir / "never", "--seed", "-2"],
                      ["entity", "list", "--limit", "-1"], ["dead-letter", "list", "--limit", "-1"]):
            done = run(BIN / "faultline", *words)
            self.assertEqual(done.returncode, 2, (words, done.stdout + done.stderr))
            self.assertIn("is less than 0", done.stdout + done.stderr)
        self.assertFalse((self.dir / "never").exists())

    def test_no_option_of_the_server_is_taken_for_the_value_of_another(self):
        for words in (["--config.file", "--storage.path", "x"], ["--storage.path", "--help"], ["--web.listen-address", "--log.level", "info"]):
            done = run(BIN / "faultlined", *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(f"{words[0]}: a value is missing before '{words[1]}'", done.stdout + done.stderr)

    def test_what_is_wrong_with_a_token_file_is_said_alone(self):
        token = self.dir / "token"
        token.write_text("x\n")
        token.chmod(0o644)
        done = run(BIN / "faultline", "status", "--server", "https://127.0.0.1:9", "--token-file", token)
        self.assertEqual(done.returncode, 1)
        self.assertIn("chmod 600", done.stderr)
        self.assertNotIn("running", done.stderr)
        self.assertIn("Is it running", run(BIN / "faultline", "status", "--server", f"http://127.0.0.1:{free_ports(1)[0]}").stderr)

    def test_what_could_not_be_written_is_a_failure_and_a_reader_that_leaves_is_none(self):
        """A disk that is full stands behind many a `>`; a token is shown but once."""
        model = pathlib.Path(__file__).resolve().parents[2] / "models" / "lstm.flm"
        for words in (["--help-all"], ["--version"], ["check-config", self.file("")], ["model", "show", model],
                      ["token", "create", "pager", "--file", self.dir / "tokens"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([BIN / "faultline", *words], stdout=full, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual((done.returncode, b"cannot be written" in done.stderr), (1, True), (words, done.stderr))
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([BIN / "faultline", *words], stdout=writer, stderr=subprocess.PIPE, timeout=60)
            os.close(writer)
            if words[0] != "token":  # there is one of this name now
                self.assertEqual((done.returncode, done.stderr), (0, b""), words)

    def test_where_nothing_can_be_written_is_said_before_the_work(self):
        """Each of these would take minutes or hours, or would say of its recording that it is not there."""
        (self.dir / "file").write_text("kept\n")
        work = [(["train", "lstm", "--systems", "100000"], 1), (["train", "ranker", "--systems", "100000"], 1),
                (["train", "causes", "--systems", "10000"], 1), (["simulate", "--services", "50", "--duration", "300d"], 0),
                (["inject", "absent"], 0), (["evaluate", "logs", "absent"], 1), (["evaluate", "rca", "absent", "--no-lstm"], 1),
                (["evaluate", "detection", "absent"], 0), (["evaluate", "report", "absent"], 0), (["evaluate", "causes", "absent"], 0),
                (["evaluate", "headline", "--simulated-only", "--systems", "500", "--days", "200"], 0)]
        for words, one_file in work:
            for place in (self.dir / "file", self.dir / "file" / "x", "/proc/faultline/x")[one_file:]:
                done = run(BIN / "faultline", *words, "--out", place)
                self.assertEqual(done.returncode, 1, (words, done.stdout, done.stderr))
                self.assertIn("cannot be written", done.stderr, words)
            if one_file:
                done = run(BIN / "faultline", *words, "--out", self.dir)
                self.assertEqual((done.returncode, "cannot be written" in done.stderr), (1, True), (words, done.stderr))
        self.assertEqual([p.name for p in self.dir.iterdir()], ["file"])
        self.assertEqual((self.dir / "file").read_text(), "kept\n")

    def test_headline_without_its_data_says_where_to_get_it(self):
        done = run(BIN / "faultline", "evaluate", "headline", "--data", self.dir, "--no-lstm", "--out", self.dir / "h")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--simulated-only", done.stderr)


class WhoTest(unittest.TestCase):
    """$USER is not set in cron, containers and units."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server("processing: {tick: 1s}\n").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def faultline(self, *words, status=0, user=None):
        bare = {k: v for k, v in os.environ.items() if k not in ("USER", "LOGNAME")}
        if user:
            bare["USER"] = user
        done = run(BIN / "faultline", "--server", f"http://127.0.0.1:{self.server.http}", *words, environment=bare)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_what_is_not_there_is_told_with_the_command_that_lists_what_is(self):
        for words in (["entity", "show", "cart"], ["entity", "release", "cart"], ["incident", "show", "cart"], ["alert", "show", "cart"],
                      ["alert", "ack", "cart"], ["incident", "ack", "cart"]):
            said = self.faultline(*words, status=1)
            self.assertEqual(said, f"faultline: no {words[0]} cart: `faultline {words[0]} list` says what there is\n", words)

    def completed(self, *words):
        """What bash offers for the last of @p words."""
        script = "source <(faultline completion bash); COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _faultline; printf '%s\\n' \"${COMPREPLY[@]}\""
        done = run("bash", "-c", script, "bash", "faultline", *words,
                   environment={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "FAULTLINE_SERVER": f"127.0.0.1:{self.server.http}"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_a_shell_completes_commands_options_and_names_that_the_server_knows(self):
        publisher = Publisher(self.server.router, "completion")
        self.addCleanup(publisher.close)
        publisher.publish([{"entity": f"box/{name}", "values": {"cpu": 1}} for name in ("one", "two", "$(touch x)")])
        silence = self.faultline("silence", "add", "entity=box/none", "-d", "2h", "-c", "known").strip()
        self.addCleanup(self.faultline, "silence", "expire", silence)
        self.faultline("maintenance", "add", "complete", "--entity", "box/none", "--duration", "30m", "--comment", "release")
        self.addCleanup(self.faultline, "maintenance", "remove", "complete")
        for words, offered in ((["ent"], ["entity"]), (["entity", ""], ["list", "show", "retire", "release"]), (["alert", "list", "--st"], ["--state"]),
                               (["--output", "json", "incident", "s"], ["show"]), (["entity", "list", "--server-k"], ["--server-key-file"]),
                               (["status", "no"], []), (["silence", "expire", silence[:4]], [silence]), (["maintenance", "remove", "com"], ["complete"])):
            self.assertEqual(self.completed(*words), offered, words)
        for words in (["entity", "show", "box/"], ["topology", "add", "box/one", "box/"]):
            self.assertEqual(wait_for(lambda w=words: len(self.completed(*w)) == 2 and self.completed(*w)), ["box/one", "box/two"], words)
        self.faultline("completion", "names", "cheeses", status=2)

    def test_everything_said_has_somebody_who_said_it(self):
        account = run("id", "-un").stdout.strip()
        silence = self.faultline("silence", "add", "entity=service/who", "-d", "2h", "-c", "migration").strip()
        self.faultline("maintenance", "add", "deploy", "--entity", "service/who", "--duration", "30m", "--comment", "release")
        listed = json.loads(self.faultline("-o", "json", "silence", "query"))["silences"]
        self.assertEqual([(s["id"], s["created_by"]) for s in listed], [(silence, account)])
        self.assertEqual([w["by"] for w in self.server.api("/api/v1/maintenance")["windows"]], [account])
        self.assertEqual(json.loads(self.faultline("-o", "json", "silence", "query", "-q")), [silence])
        json.loads(self.faultline("-o", "json", "silence", "expire", silence))
        self.assertIn("no silences", self.faultline("silence", "query"))
        self.faultline("maintenance", "remove", "deploy")
        self.assertIn("no windows", self.faultline("maintenance", "list"))
        self.assertIn("say how long", self.faultline("maintenance", "add", "w", "--entity", "x", "-c", "c", status=2))

    def test_who_acknowledges_is_recorded_and_shown(self):
        self.server.request("POST", "/api/v2/alerts", [{"labels": {"alertname": "Slow", "service": "acked"}}])
        incident = wait_for(lambda: [i for i in self.server.api("/api/v1/incidents")["incidents"]
                                     if "service/acked" in i["entities"]])[0]
        self.faultline("incident", "ack", incident["id"], "--assign", "bob", user="ann")
        alert = incident["alerts"][0]
        told = wait_for(lambda: (a := self.server.api(f"/api/v1/alerts/{alert}")).get("acknowledged_by") and a)
        self.assertEqual((told["acknowledged_by"], told["assigned_to"]), ("ann", "bob"))
        shown = self.faultline("incident", "show", incident["id"])
        self.assertIn("acknowledged by ann", shown)
        self.assertIn("assigned to bob", shown)
        refused, _ = self.server.request("POST", f"/api/v1/alerts/{alert}/acknowledge", {"acknowledged": False, "assign": "eve"})
        self.assertEqual(refused, 400)
        self.assertIn("acked", self.faultline("alert", "list", "--text", "acked"))
        self.assertIn("no alerts", self.faultline("alert", "list", "--text", "acked", "--severity", "critical"))

    def test_refused_and_kept_letters_are_told_apart(self):
        publisher = Publisher(self.server.router, "letters", encoding="json")
        self.addCleanup(publisher.close)
        publisher.reply_to(publisher.send([{"entity": ""}]))
        total, kept = (self.server.api("/api/v1/dead-letters")[k] for k in ("total", "kept"))
        self.assertIn(f"{total} refused, ever; {kept} kept", self.faultline("dead-letter", "list"))
        self.assertIn("no such letter is kept", self.faultline("dead-letter", "list", "--reason", "nonsense"))


if __name__ == "__main__":
    unittest.main()
