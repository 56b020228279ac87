# SPDX-License-Identifier: Apache-2.0
"""Dead letters: listed with reason, source and payload by API and command, and sent again once."""

import base64
import json
import subprocess
import time
import unittest

import zmq

from support import BIN, Publisher, Server


class DeadLetters(unittest.TestCase):
    def setUp(self):
        self.server = Server().start()
        self.addCleanup(self.server.close)
        self.publisher = Publisher(self.server.router, "sender", encoding="json")
        self.addCleanup(self.publisher.close)

    def faultline(self, *arguments):
        done = subprocess.run(
            [str(BIN / "faultline"), *arguments, "-o", "json", "--server", f"http://127.0.0.1:{self.server.http}"],
            capture_output=True, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else done.stderr

    def replay(self, *arguments):
        return self.faultline("dead-letter", "replay", "--endpoint", f"tcp://127.0.0.1:{self.server.router}",
                              *arguments)

    def outcomes(self, answer):
        return [(letter["id"], letter["outcome"]) for letter in answer["letters"]]

    def letters(self, query=""):
        return self.server.api("/api/v1/dead-letters" + query)

    def test_the_refused_event_alone_is_kept_with_reason_and_source(self):
        bad = {"entity": "host/a", "values": {}, "note": "caf\u00e9"}
        reply = self.publisher.reply_to(self.publisher.send(
            [{"entity": "host/a", "values": {"cpu": 1.0}}, bad, {"entity": "host/a", "values": {"cpu": 2.0}}]))
        self.assertEqual(reply["accepted"], 2)
        letter = self.letters()["letters"][0]
        self.assertEqual(letter["reason"], "no_values")
        self.assertEqual(letter["source"], "router sender")
        self.assertEqual(letter["content"], "event")
        self.assertEqual(json.loads(base64.b64decode(letter["payload_base64"])), bad)
        self.assertEqual(self.server.api("/api/v1/dead-letters/" + letter["id"]), letter)
        status, listed = self.faultline("dead-letter", "list", "--reason", "no_values")
        self.assertEqual(status, 0)
        self.assertEqual(listed["letters"], [letter])
        self.assertEqual(self.faultline("dead-letter", "list", "--reason", "bad_ts")[1]["letters"], [])

    def test_pages_hold_every_letter_once(self):
        for n in range(25):
            self.publisher.send([{"entity": "host/a", "n": n}])
        self.publisher.flush()
        ids, following = [], ""
        while following is not None:
            page = self.letters(f"?limit=10&next={following}")
            ids += [int(letter["id"]) for letter in page["letters"]]
            following = page["next"]
        self.assertEqual(ids, list(range(25, 0, -1)))
        for wrong in ("x", "0", "18446744073709551615"):
            self.assertEqual(self.server.get(f"/api/v1/dead-letters?next={wrong}")[0], 400, wrong)
        self.assertEqual(self.server.get("/api/v1/dead-letters/99")[0], 404)

    def test_a_letter_is_taken_once_what_is_wrong_is_told_and_what_was_cut_is_not_sent(self):
        late = int(time.time() * 1000) - 7_200_000
        self.publisher.reply_to(self.publisher.send(
            [{"entity": "host/late", "ts": late, "values": {"cpu": 1.0}}]))                              # 1
        self.publisher.reply_to(self.publisher.send([{"entity": "host/none"}]))                           # 2
        self.publisher.reply_to(self.publisher.send([{"entity": "host/long", "x": "y" * 70_000}]))        # 3
        status, answer = self.replay("--dry-run", "--reason", "ts_too_old")
        self.assertEqual((status, self.outcomes(answer)), (0, [("1", "would_send")]))
        self.assertEqual(self.letters()["total"], 3)

        # The same store, with a server that takes what is two hours late.
        self.server.stop()
        self.server.config.write_text(self.server.config.read_text() + "processing: {max_late: 1d}\n")
        self.server.start()
        status, answer = self.replay("1")
        self.assertEqual((status, self.outcomes(answer)), (0, [("1", "accepted")]))
        status, answer = self.replay("1", "2", "3", "17")
        self.assertEqual(status, 1)
        self.assertEqual(self.outcomes(answer),
                         [("1", "duplicate"), ("2", "rejected"), ("3", "not_sent"), ("17", "unknown")])
        self.assertIn("no_values", answer["letters"][1]["text"])
        self.assertIn("was cut", answer["letters"][2]["text"])
        self.server.wait_applied()
        self.assertEqual(self.server.api("/api/v1/entities/host%2Flate")["observations"], 1)

        # What the replay itself left is not replayed again by its reason.
        self.assertEqual(self.letters("?reason=no_values&limit=1")["letters"][0]["source"],
                         "router dead-letter-replay")
        status, answer = self.replay("--reason", "no_values")
        self.assertEqual((status, self.outcomes(answer)), (1, [("2", "rejected"), ("3", "not_sent")]))

        self.server.kill()
        self.server.start()
        status, answer = self.replay("1")
        self.assertEqual(self.outcomes(answer), [("1", "duplicate")], "also after a kill")

    def test_a_letter_that_was_refused_again_is_sent_when_its_cause_is_mended(self):
        late = int(time.time() * 1000) - 7_200_000
        for n in range(2):  # two that are the same, and one that is not
            self.publisher.reply_to(self.publisher.send([{"entity": "host/late", "ts": late, "values": {"cpu": 1.0}}]))
        self.publisher.reply_to(self.publisher.send([{"entity": "host/late", "ts": late + 10_000, "values": {"cpu": 2.0}}]))
        for _ in range(2):  # refused, and refused again: never called taken
            status, answer = self.replay("1", "2", "3")
            self.assertEqual((status, [o for _, o in self.outcomes(answer)]), (1, ["rejected"] * 3))
        self.server.stop()
        self.server.config.write_text(self.server.config.read_text() + "processing: {max_late: 1d}\n")
        self.server.start()
        status, answer = self.replay("--reason", "ts_too_old")
        self.assertEqual((status, self.outcomes(answer)), (0, [(n, "accepted") for n in "123"]))
        self.assertIn("sent as letter", answer["letters"][0]["text"])
        self.server.wait_applied()
        self.assertEqual(self.server.api("/api/v1/entities/host%2Flate")["observations"], 3)
        status, answer = self.replay("--reason", "ts_too_old")
        self.assertEqual([o for _, o in self.outcomes(answer)], ["duplicate"] * 3)

    def test_an_undecodable_push_is_kept_whole_and_told_again(self):
        push = zmq.Context.instance().socket(zmq.PUSH)
        push.setsockopt(zmq.LINGER, 0)
        self.addCleanup(push.close)
        push.connect(f"tcp://127.0.0.1:{self.server.pull}")
        push.send(b"\xc1 not an event")
        end = time.monotonic() + 20
        while not self.letters()["letters"] and time.monotonic() < end:
            time.sleep(0.02)
        letter = self.letters()["letters"][0]
        self.assertEqual((letter["reason"], letter["source"].split()[0], letter["content"]),
                         ("unknown_format", "pull", "payload"))
        status, answer = self.replay(letter["id"])
        self.assertEqual((status, answer["letters"][0]["outcome"]), (1, "rejected"))

    def test_names_no_letters_is_wrong_usage(self):
        self.assertEqual(self.replay()[0], 2)
        self.assertEqual(self.replay("1", "--reason", "bad_ts")[0], 2)


if __name__ == "__main__":
    unittest.main()
