#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The layer checker against small trees: one that holds, and one per rule that is broken."""

import contextlib
import importlib.util
import io
import os
import pathlib
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location(
    "check_layers", REPOSITORY / "tools" / "check_layers.py")
check_layers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check_layers)

HOLDING = {
    "messages/event.hpp": "#pragma once\n#include <string>\n#include <sys/types.h>\n",
    "messages/codec.cpp": '#include "messages/event.hpp"\n#include <msgpack.hpp>\n',
    "storage/options.hpp": '#include "messages/event.hpp"\n',
    "storage/log.hpp": '#include "messages/event.hpp"\n',
    "storage/log.cpp": '#include "storage/log.hpp"\n#include <rocksdb/db.h>\n',
    "inference/internal/tensors.hpp": "#include <torch/torch.h>\n",
    "inference/net.cpp": '#include "inference/internal/tensors.hpp"\n',
    "transport/door.cpp": "#include <zmq.hpp>\n#include <boost/beast.hpp>\n",
    "config/load.cpp": '#include "storage/options.hpp"\n#include <yaml-cpp/yaml.h>\n',
    "actors/interfaces.hpp": '#include <caf/typed_actor.hpp>\n#include "storage/log.hpp"\n',
    "server/node.hpp": '#include <CLI/CLI.hpp>\n#include "actors/interfaces.hpp"\n',
    "tools/main.cpp": '#include "storage/log.hpp"\n#include <CLI/CLI.hpp>\n',
    "tests/storage/log_test.cpp": '#include "storage/log.hpp"\n#include <gtest/gtest.h>\n'
                                  '#include "tests/support/clock.hpp"\n',
    "tests/flow/way_test.cpp": '#include "server/node.hpp"\n#include "storage/log.hpp"\n',
    "dashboard/web/page.js": "import { h } from './vendor/preact.js';\n"
                             "export const title = 'faultline';\n",
}


class LayersTest(unittest.TestCase):
    def check(self, **changes):
        """Output lines and exit code for the holding tree with some files replaced."""
        tree = dict(HOLDING)
        tree.update(changes.get("files", {}))
        with tempfile.TemporaryDirectory() as root:
            for name, text in tree.items():
                path = os.path.join(root, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as stream:
                    stream.write(text)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                code = check_layers.main([root])
            return out.getvalue().strip().split("\n"), code

    def assert_broken(self, file, text, *words):
        """@p text in @p file is one violation, and its line holds all the words."""
        lines, code = self.check(files={file: text})
        self.assertEqual(code, 1, lines)
        self.assertEqual(len(lines), 2, lines)
        for word in words:
            self.assertIn(word, lines[0])

    def assert_holds(self, file, text):
        lines, code = self.check(files={file: text})
        self.assertEqual(code, 0, lines)

    def test_a_tree_that_keeps_the_table_holds(self):
        lines, code = self.check()
        self.assertEqual(code, 0, lines)
        self.assertEqual(lines, [f"layers hold: {len(HOLDING)} files, 26 includes"])

    def test_every_pair_outside_the_table_is_refused_and_every_pair_inside_taken(self):
        for room in check_layers.ROOMS:
            for other in check_layers.ROOMS:
                if room == other:
                    continue
                file, text = f"{room}/x_.cpp", f'#include "{other}/y_.hpp"\n'
                with self.subTest(room=room, other=other):
                    if other in check_layers.MAY_KNOW[room]:
                        self.assert_holds(file, text)
                    else:
                        self.assert_broken(file, text, f"{file}:1",
                                           f"room {room} may not know {other}")

    def test_siblings_never_meet(self):
        self.assert_broken("storage/log.cpp", '\n#include "processing/tick.hpp"\n',
                           "storage/log.cpp:2", "room storage may not know processing")

    def test_messages_know_nobody(self):
        self.assert_broken("messages/event.hpp", '#include "storage/keys.hpp"\n',
                           "room messages may not know storage")

    def test_config_knows_options_and_nothing_else(self):
        self.assert_broken("config/load.cpp", '#include "storage/log.hpp"\n',
                           "room config may not know storage")

    def test_only_config_is_helped_by_the_name_options(self):
        self.assert_broken("transport/door.cpp", '#include "storage/options.hpp"\n',
                           "room transport may not know storage")

    def test_the_command_line_does_not_know_actors(self):
        self.assert_broken("tools/main.cpp", '#include "actors/interfaces.hpp"\n',
                           "room tools may not know actors")

    def test_each_library_stays_in_its_room(self):
        for header, home in (("caf/actor_system.hpp", "actors"), ("rocksdb/db.h", "storage"),
                             ("torch/torch.h", "inference"), ("opencv2/ml.hpp", "inference"),
                             ("zmq.hpp", "transport"), ("zmq.h", "transport"),
                             ("boost/beast/http.hpp", "transport"),
                             ("boost/asio.hpp", "transport"), ("curl/curl.h", "transport"),
                             ("yaml-cpp/yaml.h", "config"), ("nats/nats.h", "cluster")):
            with self.subTest(header=header):
                self.assert_broken("processing/x.cpp", f"#include <{header}>\n",
                                   f"room processing may not know <{header}>", home)
                self.assert_holds(f"{home}/x.cpp", f"#include <{header}>\n")

    def test_the_server_knows_caf_and_not_rocksdb(self):
        self.assert_holds("server/main.cpp", "#include <caf/actor_system.hpp>\n")
        self.assert_broken("server/main.cpp", "#include <rocksdb/db.h>\n", "belongs to storage")

    def test_a_public_header_names_no_library(self):
        self.assert_broken("storage/log.hpp", "#include <rocksdb/db.h>\n", "in a header")
        self.assert_broken("messages/event.hpp", "#include <msgpack.hpp>\n", "in a header")
        self.assert_broken("actors/interfaces.hpp", "#include <spdlog/spdlog.h>\n", "in a header")

    def test_the_inside_of_a_room_is_its_own(self):
        self.assert_broken("judgement/core.cpp", '#include "inference/internal/tensors.hpp"\n',
                           "may not know the inside of inference")
        self.assert_holds("tests/inference/tensors_test.cpp",
                          '#include "inference/internal/tensors.hpp"\n')

    def test_a_test_knows_what_its_room_knows(self):
        self.assert_broken("tests/storage/log_test.cpp", '#include "judgement/core.hpp"\n',
                           "room storage may not know judgement")
        self.assert_broken("tests/judgement/core_test.cpp", "#include <caf/actor_system.hpp>\n",
                           "tests of room judgement")

    def test_paths_start_at_the_root_and_ours_are_quoted(self):
        self.assert_broken("storage/log.cpp", '#include "log.hpp"\n', "root of the repository")
        self.assert_broken("storage/log.cpp", "#include <storage/log.hpp>\n", "our own header")

    def test_a_ring_of_files_is_named_once(self):
        lines, code = self.check(files={
            "storage/a.hpp": '#include "storage/b.hpp"\n',
            "storage/b.hpp": '#include "storage/c.hpp"\n',
            "storage/c.hpp": '#include "storage/a.hpp"\n'})
        self.assertEqual(code, 1)
        self.assertEqual(len(lines), 2, lines)
        self.assertIn("storage/a.hpp -> storage/b.hpp -> storage/c.hpp -> storage/a.hpp", lines[0])

    def test_the_page_imports_nothing_from_elsewhere(self):
        self.assert_broken("dashboard/web/page.js", "import x from 'https://elsewhere/x.js';\n",
                           "dashboard/web/page.js:1")
        self.assert_broken("dashboard/web/page.js", "import {\n  x\n} from '../../lab/x.js';\n",
                           "dashboard/web/page.js:3")

    def test_comments_are_not_includes_and_strings_are_not_comments(self):
        self.assert_holds("messages/x.cpp",
                          '// #include "server/a.hpp"\n/*\n#include <torch/torch.h>\n*/\n')
        self.assert_broken("messages/x.cpp", 'auto a = "*/*";\n#include "server/a.hpp"\n// */\n',
                           "messages/x.cpp:2")

    def test_an_empty_tree_is_no_success(self):
        with tempfile.TemporaryDirectory() as root, contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(check_layers.main([root]), 2)


if __name__ == "__main__":
    unittest.main()
