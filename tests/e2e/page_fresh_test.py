# SPDX-License-Identifier: Apache-2.0
"""What the page shows is what is, and stays so: over broken lines, and when what was asked for comes late.

What the browser does and sees stands in tests/dashboard/fresh_test.mjs.
"""

import unittest

import page_test


class Fresh(page_test.OnOneServer, unittest.TestCase):
    file = "fresh_test.mjs"

    def test_what_came_while_the_line_was_broken_is_shown(self):
        self.browse("a list has what came while the line was cut")

    def test_a_dead_line_is_not_live(self):
        self.browse("a line that has died without a word")

    def test_a_long_list_is_true_after_a_storm(self):
        self.browse("a long list is what is")

    def test_an_open_list_does_not_grow_without_end(self):
        self.browse("an open list does not grow")

    def test_a_search_goes_on_until_it_has_found_something(self):
        self.browse("a search that takes")

    def test_a_search_of_what_is_not_there_does_not_ask_for_all_of_history(self):
        self.browse("a search asks for so many pages")

    def test_what_failed_is_asked_for_again(self):
        self.browse("what could not be loaded once")

    def test_the_cause_is_drawn_once_it_is_found(self):
        self.browse("what is drawn of an incident")

    def test_a_search_says_what_is_searched_for(self):
        self.browse("what stands in a search")

    def test_a_page_that_is_looked_at_again_is_not_live_before_it_is(self):
        self.browse("a page that is looked at again")

    def test_planned_work_begins_now(self):
        self.browse("work that is planned from now on")

    def test_a_retired_entity_is_gone(self):
        self.browse("an entity that is retired")

    def test_rows_are_those_of_the_filter_that_is_shown(self):
        self.browse("rows of a filter that was left")

    def test_a_panel_that_a_link_leads_to_can_be_closed(self):
        self.browse("the panel of an alert that a notification links to")

    def test_a_pending_silence_that_is_changed_stays_pending(self):
        self.browse("a silence that is to begin later")

    def test_an_overview_that_fails_is_told_of(self):
        self.browse("an overview that fails")

    def test_an_open_page_holds_what_it_shows(self):
        self.browse("an open page holds")

    def test_an_overview_that_is_older_than_what_was_heard(self):
        self.browse("an overview that is older")

    def test_values_are_those_of_now(self):
        self.browse("values of an entity go on")

    def test_a_value_with_none_beside_it_is_seen(self):
        self.browse("a value with none beside it")

    def test_the_time_to_a_limit_runs_down(self):
        self.browse("how long it is to a limit")

    def test_it_fits_a_phone(self):
        self.browse("on a phone of 360 pixels")

    def test_it_can_be_heard(self):
        self.browse("who hears the page")


class Tokens(unittest.TestCase):
    def setUp(self):
        page_test.libraries()
        self.server, self.tokens = page_test.server_with_tokens(self, "publisher", "viewer")

    def test_a_token_that_does_not_do_is_told_why(self):
        page_test.browse(self, "fresh_test.mjs", self.server, "a token that does not do",
                         PAGE_PUBLISHER=self.tokens["publisher"], PAGE_VIEWER=self.tokens["viewer"])


if __name__ == "__main__":
    unittest.main()
