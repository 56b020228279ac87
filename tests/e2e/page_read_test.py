# SPDX-License-Identifier: Apache-2.0
"""What is read on the page is whole, and says one thing.

What the browser does and sees stands in tests/dashboard/read_test.mjs.
"""

import unittest

import page_test


class Read(page_test.OnOneServer, unittest.TestCase):
    file = "read_test.mjs"

    def test_times_are_in_one_zone(self):
        self.browse("all times of a page")

    def test_a_row_on_a_phone_says_what_matters(self):
        self.browse("on a phone a row")

    def test_the_panel_of_an_alert_is_whole(self):
        self.browse("the panel of an alert begins")

    def test_1_every_entity_is_found(self):
        self.browse("an entity that nothing connects")

    def test_2_what_is_shown_of_the_topology_can_be_shared(self):  # from then on something is connected
        self.browse("what of the topology")

    def test_what_others_posted_of_an_entity_is_its_state(self):
        self.browse("an entity of which others posted")

    def test_a_merged_incident_leads_on(self):
        self.browse("who comes to an incident that was merged")

    def test_an_answer_that_cannot_be_read_is_told_of(self):
        self.browse("an answer that cannot be read")

    def test_what_was_not_looked_at_is_not_none(self):
        self.browse("of an entity whose alerts")

    def test_a_proxy_may_stand_before_it(self):
        self.browse("who comes through a proxy")

    def test_every_text_stands_out(self):
        self.browse("every text stands out")

    def test_what_helps_comes_first_on_a_phone(self):
        self.browse("on a phone what may help")

    def test_why_something_was_refused_is_in_sight(self):
        self.browse("why something was refused")

    def test_3_of_many_the_most_urgent_is_large(self):
        self.browse("of many open incidents")


class Roles(unittest.TestCase):
    def test_who_may_only_read_is_offered_nothing_else(self):
        page_test.libraries()
        self.server, tokens = page_test.server_with_tokens(self, "viewer", "operator")
        page_test.browse(self, "read_test.mjs", self.server, "who may only read", PAGE_VIEWER=tokens["viewer"], PAGE_TOKEN=tokens["operator"])


if __name__ == "__main__":
    unittest.main()
