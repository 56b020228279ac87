# SPDX-License-Identifier: Apache-2.0
"""What operators and configurations say is a record: it survives kill -9 and never decides the past again."""

import hashlib
import json
import signal
import struct
import subprocess
import time
import unittest

import msgpack
import zmq

from support import BIN, ROOT, Publisher, Server
from wire import feed_is_quiet

START = 1_750_000_000_000
BASE = "processing: {tick: 10s, accept_past: true}\ndetection: {learning: 10m}\n"


def limit(above, more=""):
    return BASE + more + f"limits: [{{entity: 'host/*', metric: disk.used, above: {above}}}]\n"


def row(entity, n, **values):
    return {"entity": entity, "ts": START + n * 10_000, "values": values}


def disk(n, level):
    return row("host/a", n, **{"disk.used": level + n % 2, "cpu": 0.3 + 0.01 * (n % 5)})


def twin_of(file, version):
    """The bytes of a model file with another version in its card: another sha-256, the same weights."""
    data = file.read_bytes()
    magic, rest = data[:8], data[8:-32]
    number, kind, metadata_bytes, tensors = struct.unpack("<IIII", rest[:16])
    card = json.loads(rest[16:16 + metadata_bytes])
    card["version"] = version
    text = json.dumps(card).encode()
    body = (magic + struct.pack("<IIII", number, kind, len(text), tensors) + text
            + rest[16 + metadata_bytes:])
    return body + hashlib.sha256(body).digest()


class ControlTest(unittest.TestCase):
    def server(self, config):
        server = Server(config).start()
        self.addCleanup(server.close)
        self.publisher = Publisher(server.router, "control", resend_s=0.5)
        self.addCleanup(self.publisher.close)
        return server

    def send(self, rows):
        for r in rows:
            self.publisher.send([r])
            while len(self.publisher.waiting) > 16:
                self.publisher.pump(20)
        self.publisher.flush()

    def restart(self, server):
        server.kill()
        server.start()
        self.publisher.connect()

    def replay(self, server, prefix=""):
        """Payloads of the feed, in order."""
        ask = zmq.Context.instance().socket(zmq.DEALER)
        ask.setsockopt(zmq.LINGER, 0)
        ask.connect(f"tcp://127.0.0.1:{server.replay}")
        found, at = [], 1
        while True:
            ask.send(msgpack.packb({"op": "replay", "from": at, "prefix": prefix}))
            self.assertTrue(ask.poll(30_000), "no answer to replay")
            page = msgpack.unpackb(ask.recv())
            found += [r["payload"] for r in page["records"]]
            if page["next"] > page["last"]:
                break
            at = page["next"]
        ask.close()
        return found

    def transitions(self, server):
        return [(a["id"], a["transition"], a["state"], a["severity"], a["updated"])
                for a in self.replay(server, "alert/")]

    def settle(self, server):
        """Until everything sent is applied and told."""
        feed_is_quiet(server)

    def eventually(self, holds, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = holds()
            if found:
                return found
            time.sleep(0.05)
        self.fail("did not come true in time")

    def firing(self, server):
        return server.api("/api/v1/alerts?state=firing")["alerts"]

    def command(self, server, *words):
        return subprocess.run([str(BIN / "faultline"), "--server", f"http://127.0.0.1:{server.http}", *words],
                              cwd=ROOT, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def rewrite(self, server, old, new):
        text = server.config.read_text()
        self.assertIn(old, text)
        server.config.write_text(text.replace(old, new))


class Operators(ControlTest):
    def alarmed(self):
        server = self.server(limit(90))
        self.send([disk(n, 50) for n in range(80)] + [disk(n, 95) for n in range(80, 90)])
        self.eventually(lambda: self.firing(server))
        self.settle(server)
        return server, self.firing(server)[0]

    # Complaint: acknowledge
    def test_an_acknowledgement_is_a_transition_of_its_alert_that_survives_kill_9(self):
        server, alert = self.alarmed()
        self.assertFalse(alert["acknowledged"])
        self.assertNotIn("by", alert)
        told = self.replay(server, "alert/")[-1]
        self.assertEqual({k: told[k] for k in told}, alert, "the API has the record of the feed")
        path = f"/api/v1/alerts/{alert['id']}/acknowledge"
        self.assertEqual(server.request("POST", path, {"by": "ann", "comment": "on it"})[0], 202)
        self.eventually(lambda: self.firing(server)[0]["acknowledged"])
        server.kill()
        server.start()
        self.publisher.connect()
        now = self.firing(server)[0]
        self.assertEqual((now["acknowledged"], now["by"], now["acknowledged_by"]), (True, "ann", "ann"))
        told = self.replay(server, "alert/")[-1]
        self.assertEqual(told, now)
        self.assertEqual(told["transition"], alert["transition"] + 1)
        self.assertEqual(self.replay(server, "notice/acknowledged/")[-1]["text"], "acknowledged by ann: on it")
        # The entity goes on counting: its end comes above the acknowledgement.
        self.send([disk(n, 50) for n in range(90, 500)])
        self.eventually(lambda: not self.firing(server))
        ended = self.replay(server, "alert/")
        self.assertEqual([a["transition"] for a in ended], list(range(1, len(ended) + 1)))
        self.assertEqual((ended[-1]["state"], ended[-1]["acknowledged"]), ("resolved", True))
        status, body = server.request("POST", path, {"by": "ann"})
        self.assertEqual((status, json.loads(body)["error"]["code"]), (400, "invalid"), body)

    def test_an_acknowledgement_is_taken_back(self):
        server, alert = self.alarmed()
        path = f"/api/v1/alerts/{alert['id']}/acknowledge"
        for method, body in (("DELETE", None), ("POST", {"acknowledged": False, "by": "bob"})):
            self.assertEqual(server.request("POST", path, {"by": "ann"})[0], 202)
            self.eventually(lambda: self.firing(server)[0]["acknowledged"])
            self.assertEqual(server.request(method, path, body)[0], 202)
            self.eventually(lambda: not self.firing(server)[0]["acknowledged"])
        self.assertEqual(self.firing(server)[0]["transition"], alert["transition"] + 4)

    def test_nobody_can_acknowledge_what_is_not_there(self):
        server = self.server(BASE)
        for method in ("POST", "DELETE"):
            status, body = server.request(method, "/api/v1/alerts/none/acknowledge", {"by": "ann"})
            self.assertEqual((status, json.loads(body)["error"]["code"]), (404, "not_found"))
        done = self.command(server, "alert", "ack", "none", "--by", "ann")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("none", done.stderr)

    def test_commands_say_what_the_api_says(self):
        server, alert = self.alarmed()
        done = self.command(server, "alert", "ack", alert["id"], "--by", "ann", "--comment", "on it")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.eventually(lambda: self.firing(server)[0]["acknowledged"])
        done = self.command(server, "alert", "ack", alert["id"], "--undo", "-o", "json")
        self.assertEqual((done.returncode, json.loads(done.stdout)), (0, {"accepted": True}), done.stderr)
        self.eventually(lambda: not self.firing(server)[0]["acknowledged"])
        done = self.command(server, "alert", "feedback", alert["id"], "--verdict", "true", "--by", "ann")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.command(server, "alert", "feedback", alert["id"], "--verdict", "right")
        self.assertEqual(done.returncode, 2, done.stderr)
        incident = self.eventually(lambda: server.api("/api/v1/incidents")["incidents"])[0]
        self.assertGreater(incident["seq"], 0)
        self.assertGreater(incident["published"], START)
        done = self.command(server, "incident", "feedback", incident["id"], "--verdict", "partly", "--cause",
                            "host/a", "--by", "ann", "--comment", "nearly")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.command(server, "incident", "feedback", "none", "--verdict", "right")
        self.assertEqual(done.returncode, 1, done.stderr)

    def test_a_retired_entitys_alerts_end_and_stay_ended_after_kill_9(self):
        server, alert = self.alarmed()
        self.assertEqual(server.request("DELETE", "/api/v1/entities/host%2Fa")[0], 202)
        self.eventually(lambda: not self.firing(server))
        self.eventually(lambda: server.api("/api/v1/status")["entities"] == 0)
        self.restart(server)
        self.assertEqual(self.firing(server), [])
        self.assertEqual(server.api("/api/v1/status")["entities"], 0)
        ended = self.replay(server, "alert/")[-1]
        self.assertEqual((ended["id"], ended["state"]), (alert["id"], "resolved"))


class Rules(ControlTest):
    # Complaint: restart-floods
    def test_a_restart_with_other_limits_does_not_decide_the_past_again(self):
        server = self.server(limit(90))
        self.send([disk(n, 50) for n in range(100)] + [disk(n, 95) for n in range(100, 110)]
                  + [disk(n, 50) for n in range(110, 500)])
        self.settle(server)
        before = self.transitions(server)
        self.assertGreaterEqual(len(before), 2, "a crossing and its end")
        since = server.api("/api/v1/rules")["since"]
        server.kill()
        self.rewrite(server, "above: 90", "above: 40")
        server.start()
        self.publisher.connect()
        self.settle(server)
        self.assertEqual(self.transitions(server), before, "every value sent so far is above 40")
        rules = server.api("/api/v1/rules")
        self.assertGreater(rules["since"], since)
        self.assertEqual(rules["rules"]["limits"][0]["above"], 40)
        self.send([disk(n, 50) for n in range(500, 505)])
        self.eventually(lambda: self.firing(server))
        self.settle(server)
        after = self.transitions(server)
        self.assertEqual(after[:len(before)], before)
        self.restart(server)
        self.settle(server)
        self.assertEqual(self.transitions(server), after)
        self.assertEqual(server.api("/api/v1/rules")["since"], rules["since"], "nothing new to record")

    def test_a_reload_is_in_force_from_its_place_in_the_log_and_a_bad_file_changes_nothing(self):
        server = self.server(limit(90))
        good = server.config.read_text()
        self.send([disk(n, 50) for n in range(80)])
        self.settle(server)
        self.assertEqual(server.metric("faultline_config_last_reload_successful"), 1)
        started = server.metric("faultline_config_last_reload_success_timestamp_seconds")
        self.assertGreater(started, 1.7e9)
        since = server.api("/api/v1/rules")["since"]
        server.config.write_text(good + "procesing: {tick: 1s}\n")
        server.process.send_signal(signal.SIGHUP)
        self.eventually(lambda: server.metric("faultline_config_last_reload_successful") == 0)
        status, body = server.request("POST", "/-/reload")
        self.assertEqual((status, json.loads(body)["error"]["code"]), (400, "invalid"), body)
        self.assertIn("procesing", body)
        self.assertEqual(server.api("/api/v1/rules")["since"], since)
        self.assertIn("reload refused", server.tail())
        self.assertEqual(self.command(server, "reload").returncode, 1)

        server.config.write_text(good.replace("above: 90", "above: 40").replace("tick: 10s", "tick: 20s")
                                 + "log: {level: warn}\n")
        status, body = server.request("POST", "/-/reload")
        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(body), {"applied": ["limits", "log.level"], "restart": ["processing.tick"]})
        self.assertEqual(server.metric("faultline_config_last_reload_successful"), 1)
        self.assertGreater(server.metric("faultline_config_last_reload_success_timestamp_seconds"), started)
        self.assertEqual(self.transitions(server), [])
        self.send([disk(n, 50) for n in range(80, 86)])
        self.eventually(lambda: self.firing(server))
        status, body = server.request("POST", "/-/reload")
        self.assertEqual(json.loads(body), {"applied": [], "restart": ["processing.tick"]})
        self.settle(server)
        before = self.transitions(server)
        self.restart(server)
        self.settle(server)
        self.assertEqual(self.transitions(server), before, "replay meets the limit where it was changed")

    def test_a_file_that_the_next_start_would_refuse_is_refused_by_a_reload(self):
        server = self.server("")
        good = server.config.read_text()
        for text, words in (("runbooks: /nowhere\n", "/nowhere"), ("security: {curve: always}\n", "asks for keys"),
                            ("notifications: {routes: [{receiver: nobody}]}\n", "nobody"),
                            ('edges: [{from: "db/x\\u0001", to: db/y}]\n', "no entity may have the name"),
                            (f"model: {{lstm: {ROOT}/models/ranker.flm}}\n", "not a forecaster"),
                            (f"model: {{ranker: {ROOT}/models/lstm.flm}}\n", "not a ranker"),
                            ("placement: {actors: '1000'}\n", "core 1000")):
            server.config.write_text(good + text)
            status, body = server.request("POST", "/-/reload")
            self.assertEqual(status, 400, text + body)
            self.assertIn(words, body)
            self.assertEqual(server.metric("faultline_config_last_reload_successful"), 0)
        for old, new, words in (("storage: {", "storage: {partitions: 32, ", "the store has 64"),
                                ("web: {", "web: {tokens: /nowhere, ", "/nowhere")):
            server.config.write_text(good.replace(old, new))
            status, body = server.request("POST", "/-/reload")
            self.assertEqual(status, 400, new + body)
            self.assertIn(words, body)
        server.config.write_text(good + "entities: {max_active: 5000}\n")
        status, body = server.request("POST", "/-/reload")
        self.assertEqual(status, 200, body)
        self.assertIn("entities.max_active", body)

    def test_sighup_and_the_command_reload_too(self):
        server = self.server(limit(90))
        self.rewrite(server, "above: 90", "above: 80")
        server.process.send_signal(signal.SIGHUP)
        self.eventually(lambda: server.api("/api/v1/rules")["rules"]["limits"][0]["above"] == 80)
        self.rewrite(server, "above: 80", "above: 70")
        done = self.command(server, "reload")
        self.assertEqual((done.returncode, done.stdout), (0, "in force: limits\n"), done.stderr)
        self.assertEqual(server.api("/api/v1/rules")["rules"]["limits"][0]["above"], 70)


class Models(ControlTest):
    def shelf(self, server):
        """A directory with a twin of the shipped model. @returns the twin's file and sha-256."""
        directory = server.directory / "shelf"
        directory.mkdir(exist_ok=True)
        twin = directory / "twin.flm"
        data = twin_of(ROOT / "models" / "lstm.flm", "twin")
        twin.write_bytes(data)
        return twin, hashlib.sha256(data).hexdigest()

    def test_a_model_is_activated_by_its_hash_and_replay_meets_it_at_the_same_place(self):
        server = self.server(limit(90))
        twin, sha256 = self.shelf(server)
        server.kill()
        server.config.write_text(server.config.read_text() + f"model: {{directory: {twin.parent}}}\n")
        server.start()
        self.publisher.connect()
        first = server.api("/api/v1/model")
        self.send([disk(n, 50) for n in range(100)])
        self.settle(server)
        done = self.command(server, "model", "activate", str(twin))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("is in force now", done.stdout)
        state = server.api("/api/v1/model")
        self.assertEqual((state["version"], state["sha256"]), ("twin", sha256))
        self.assertNotEqual(first["sha256"], sha256)
        self.send([disk(n, 95) for n in range(100, 110)])
        self.eventually(lambda: self.firing(server))
        self.settle(server)
        alert = self.firing(server)[0]
        self.assertTrue(alert["model"].endswith(" twin"), alert["model"])
        self.assertTrue(alert["degraded"], "a new model is only listened to at first")
        before = self.transitions(server)
        twin.unlink()  # the store has kept its own
        self.restart(server)
        self.settle(server)
        self.assertEqual(self.transitions(server), before)
        self.assertEqual(server.api("/api/v1/model")["sha256"], sha256, "an activation outlives a restart")
        self.assertEqual(server.metric("faultline_model_faults_total"), 0)
        # The shipped one does not lie in model.directory, but the store kept it, too.
        done = self.command(server, "model", "activate", str(ROOT / "models" / "lstm.flm"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(server.api("/api/v1/model")["sha256"], first["sha256"])
        self.assertIn("in force already",
                      self.command(server, "model", "activate", str(ROOT / "models" / "lstm.flm")).stdout)

    def test_a_model_in_force_that_is_damaged_in_the_store_is_taken_from_the_directory(self):
        server = self.server(limit(90))
        twin, sha256 = self.shelf(server)
        server.kill()
        server.config.write_text(server.config.read_text() + f"model: {{directory: {twin.parent}}}\n")
        server.start()
        self.assertEqual(self.command(server, "model", "activate", str(twin)).returncode, 0)
        server.kill()
        kept = server.directory / "store" / "models" / f"{sha256}.flm"
        whole = kept.read_bytes()
        kept.write_bytes(whole[:-1])
        server.start()
        self.assertEqual(server.api("/api/v1/model")["sha256"], sha256)
        self.assertIn(f"copy={twin}", server.tail())
        self.assertEqual(kept.read_bytes(), whole)
        server.kill()
        kept.write_bytes(whole[:-1])
        twin.unlink()
        with self.assertRaisesRegex(RuntimeError, f"the model in force, {sha256}, is not usable"):
            server.start()

    def test_a_damaged_or_unknown_model_is_refused_and_the_old_one_stays(self):
        server = self.server(limit(90))
        twin, sha256 = self.shelf(server)
        server.kill()
        server.config.write_text(server.config.read_text() + f"model: {{directory: {twin.parent}}}\n")
        server.start()
        before = server.api("/api/v1/model")
        status, body = server.request("POST", "/api/v1/model", {"sha256": "0" * 64})
        self.assertEqual((status, json.loads(body)["error"]["code"]), (404, "not_found"), body)
        self.assertIn(str(twin.parent), body)
        status, body = server.request("POST", "/api/v1/model", {"sha256": "latest"})
        self.assertEqual(status, 400, body)
        data = bytearray(twin.read_bytes())
        data[len(data) // 2] ^= 1
        twin.write_bytes(data)
        for hash_of in (sha256, hashlib.sha256(data).hexdigest()):
            status, body = server.request("POST", "/api/v1/model", {"sha256": hash_of})
            self.assertEqual(status, 404, body)
        done = self.command(server, "model", "activate", str(twin))
        self.assertEqual(done.returncode, 1)
        ranker = (ROOT / "models" / "ranker.flm").read_bytes()
        twin.write_bytes(ranker)
        status, body = server.request("POST", "/api/v1/model", {"sha256": hashlib.sha256(ranker).hexdigest()})
        self.assertEqual((status, json.loads(body)["error"]["code"]), (400, "invalid"), body)
        self.assertIn("ranker", json.loads(body)["error"]["message"])
        self.assertEqual(self.command(server, "model", "activate", str(twin)).returncode, 1)
        self.assertEqual(server.api("/api/v1/model"), before)


class Program(unittest.TestCase):
    def test_a_wrong_command_line_ends_with_2_and_says_why(self):
        for words in (["--nonsense"], ["--config.file"], ["stray"], ["--config.file", "/nowhere/faultline.yaml"],
                      ["--config.file", ""], ["--storage.path", ""], ["--web.listen-address", ""]):
            done = subprocess.run([str(BIN / "faultlined"), *words], cwd=ROOT, timeout=60,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 2, f"{words}: {done.stdout}{done.stderr}")
            self.assertTrue(done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main()
