# SPDX-License-Identifier: Apache-2.0
"""A word of the user's own gives a metric its role: at a start, over a kill, and at the start after the file was changed."""

import subprocess
import unittest

from support import BIN, ROOT, Publisher, Server

START = 1_750_000_000_000
SHIPPED = (ROOT / "config/roles.yaml").read_text()
OWN = SHIPPED + "  - role: {role}\n    words: [checkouts]\n"


class RolesTest(unittest.TestCase):
    def server(self, role="traffic"):
        server = Server("processing: {accept_past: true}\n")
        self.addCleanup(server.close)
        self.file = server.directory / "my-roles.yaml"
        self.file.write_text(OWN.format(role=role))
        server.config.write_text(server.config.read_text() + f"roles: {self.file}\n")
        return server

    def publish(self, server, begin, end):
        publisher = Publisher(server.router, f"shop-{begin}")
        publisher.publish([{"entity": "service/shop", "ts": START + n * 10_000,
                            "values": {"cpu": 20.0 + n % 3, "checkouts.open": 50.0 + n % 7, "wax": 1.0 + n % 2}}
                           for n in range(begin, end)])
        publisher.close()
        server.wait_applied()

    def roles(self, server):
        return {m["name"]: m["role"] for m in server.api("/api/v1/entities/service%2Fshop")["metrics"]}

    def of_checkouts(self, role):
        return {"cpu": "cpu", "checkouts.open": role, "wax": "none"}

    def checked(self, kind, file):
        return subprocess.run([BIN / "faultline", "check-config", "--kind", kind, file], capture_output=True, text=True, timeout=60)

    def test_a_word_of_ones_own_gives_a_metric_its_role_and_another_at_the_next_start(self):
        server = self.server().start()
        self.publish(server, 0, 80)
        self.assertEqual(self.roles(server), self.of_checkouts("traffic"))
        shown = subprocess.run([BIN / "faultline", "--server", f"http://127.0.0.1:{server.http}", "entity", "show", "service/shop"],
                               capture_output=True, text=True, timeout=60).stdout
        self.assertRegex(shown, r"checkouts\.open +traffic ")
        before = server.api("/api/v1/rules")
        self.assertIn(["checkouts", "traffic"], before["rules"]["roles"])
        server.kill()
        server.start()
        self.assertEqual(self.roles(server), self.of_checkouts("traffic"))
        self.assertEqual(server.api("/api/v1/rules"), before)  # the same words are the same rules
        self.assertEqual(server.stop(), 0)
        self.file.write_text(OWN.format(role="errors"))
        server.start()
        self.publish(server, 80, 90)
        self.assertEqual(self.roles(server), self.of_checkouts("errors"))
        self.assertGreater(server.api("/api/v1/rules")["since"], before["since"])

    def test_the_words_that_come_with_the_server_say_nothing_of_it_and_stand_in_no_rule(self):
        server = Server("processing: {accept_past: true}\n").start()
        self.addCleanup(server.close)
        self.publish(server, 0, 20)
        self.assertEqual(self.roles(server), self.of_checkouts("none"))
        self.assertNotIn("roles", server.api("/api/v1/rules")["rules"])

    def test_a_file_that_is_wrong_is_refused_with_its_place(self):
        server = self.server("trafic")
        said = self.checked("server", server.config)
        self.assertEqual(said.returncode, 1, said)
        self.assertIn("did you mean traffic?", said.stdout + said.stderr)
        self.assertEqual(said.returncode, self.checked("roles", self.file).returncode)
        server.start(wait=False)
        self.assertNotEqual(server.process.wait(timeout=60), 0)
        self.assertIn("did you mean traffic?", server.tail())
        self.assertIn("my-roles.yaml", server.tail())
        self.file.write_text(OWN.format(role="traffic"))
        self.assertEqual(self.checked("server", server.config).returncode, 0)
        server.start()


if __name__ == "__main__":
    unittest.main(verbosity=2)
