// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/typed_event_based_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "server/node_queries.hpp"
#include "server/told_records.hpp"
#include "storage/memory_store.hpp"
#include "tests/support/actor_fixture.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

/// What the owner of a partition knows, and how it behaves.
struct known_entities {
  std::vector<std::string> names;
  std::vector<std::string> gone;  ///< are listed, and not known any more when they are asked for
  std::string broken;             ///< this one's row is an error
  bool full = false;              ///< lists nothing, but an error
  bool silent = false;            ///< never answers a list_question
};

partition_actor::behavior_type owner(partition_actor::pointer self,
                                     std::shared_ptr<known_entities> knows) {
  return {
      [](const blob_appended&) {},
      [](const entity_decided&) {},
      [](const entity_saved&) {},
      [](const credit_back&) {},
      [](const entity_idle&) {},
      [](const sweep_due&) {},
      [](const rest_over&) {},
      [](const drain_request&) { return drained{}; },
      [](const window_question&) { return window_answer{}; },
      [=](const entity_question& q) -> caf::result<entity_answer> {
        if (q.entity == knows->broken) return to_caf_error({ec::store_corrupt, "cannot be read"});
        entity_answer a;
        a.known = std::count(knows->gone.begin(), knows->gone.end(), q.entity) == 0;
        a.status.id = q.entity;
        a.status.observations = 7;
        return a;
      },
      [=](const list_question& q) -> caf::result<list_answer> {
        if (knows->full) return to_caf_error({ec::store_unavailable, "no room"});
        if (knows->silent) return self->make_response_promise<list_answer>();
        list_answer a;
        for (const auto& name : knows->names)
          if (name > q.after && a.entities.size() < q.limit) a.entities.push_back(name);
        return a;
      },
      [](const pulse_question&) { return pulse{}; },
  };
}

struct EntityPages : actor_fixture {
  static constexpr std::uint16_t partitions = 4;

  void begin() {
    for (const char* name : {"host/a", "host/b", "host/c", "host/d", "host/e", "host/f"})
      of(name).names.emplace_back(name);
    for (partition_id p = 0; p < partitions; ++p) directory.set(p, spawn(owner, knows[p]));
    node_parts parts;
    parts.memory = memory.get();
    parts.directory = &directory;
    queries.emplace(system, parts);
  }
  known_entities& of(const std::string& name) { return *knows[partition_of(name, partitions)]; }
  outcome<entity_page> page(std::size_t limit = 10, const std::string& next = {}) {
    std::optional<outcome<entity_page>> got;
    queries->entities("", limit, next, [&got](outcome<entity_page> a) {
      EXPECT_FALSE(got) << "answered twice";
      got = std::move(a);
    });
    run();
    advance(10s);
    if (!got) return failure{ec::invalid, "no answer"};
    return std::move(*got);
  }
  static std::vector<std::string> ids(const entity_page& page) {
    std::vector<std::string> all;
    for (const auto& row : page.entities) all.push_back(row.id);
    return all;
  }
  void TearDown() override {
    for (partition_id p = 0; p < partitions; ++p) directory.set(p, {});
    actor_fixture::TearDown();
  }

  std::unique_ptr<store> memory = open_memory_store(partitions);
  partition_directory directory{partitions};
  std::vector<std::shared_ptr<known_entities>> knows{
      std::make_shared<known_entities>(), std::make_shared<known_entities>(),
      std::make_shared<known_entities>(), std::make_shared<known_entities>()};
  std::optional<node_queries> queries;
};

using names = std::vector<std::string>;

TEST_F(EntityPages, AreInOrderOverAllPartitionsAndGoOnWhereTheLastEnded) {
  begin();
  const auto first = page(4);
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_EQ(ids(*first), (names{"host/a", "host/b", "host/c", "host/d"}));
  EXPECT_EQ(first->entities[0].observations, 7U);
  EXPECT_EQ(first->next, "host/d");
  const auto last = page(4, first->next);
  ASSERT_TRUE(last) << last.error().what;
  EXPECT_EQ(ids(*last), (names{"host/e", "host/f"}));
  EXPECT_EQ(last->next, "");
}

TEST_F(EntityPages, LeaveOutWhoIsGoneBeforeItsRowWasAskedFor) {
  begin();
  of("host/b").gone = {"host/b"};
  const auto got = page(3);
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(ids(*got), (names{"host/a", "host/c"}));
  EXPECT_EQ(got->next, "host/c");
}

TEST_F(EntityPages, AreNoneWhereAPartitionFailed) {
  begin();
  of("host/b").full = true;
  const auto got = page();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ec::store_unavailable);
  EXPECT_EQ(got.error().what, "no room");
}

TEST_F(EntityPages, AreNoneWhereAPartitionIsSilent) {
  begin();
  of("host/b").silent = true;
  const auto got = page();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ec::deadline_passed);
}

TEST_F(EntityPages, AreNoneWhereAPartitionHasNoOwner) {
  begin();
  directory.set(partition_of("host/b", partitions), {});
  const auto got = page();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ec::overloaded) << "it is starting: worth another try";
}

TEST_F(EntityPages, AreNoneWhereARowFailed) {
  begin();
  of("host/b").broken = "host/b";
  const auto got = page();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ec::store_corrupt);
}

TEST_F(EntityPages, ThatNoPageBeforeHasNamedAreRefused) {
  begin();
  for (const std::string& next :
       {std::string{"host/a\n"}, std::string{"\xff"}, std::string(257, 'a')}) {
    const auto got = page(4, next);
    ASSERT_FALSE(got) << next;
    EXPECT_EQ(got.error().code, ec::invalid);
  }
  std::optional<outcome<entity_page>> beside;
  queries->entities("host/", 4, "db/a", [&](outcome<entity_page> a) { beside = std::move(a); });
  ASSERT_TRUE(beside && !*beside) << "names of the page before begin with the prefix";
  EXPECT_EQ(beside->error().code, ec::invalid);
}

// A wrong one led to the first page, or past the end.
TEST_F(EntityPages, LikeThoseOfAlertsAndIncidentsGoOnFromPagesBeforeAlone) {
  begin();
  const std::vector<std::string> wrong{"x",
                                       "zzz",
                                       "alerts-by-time/",
                                       "alerts-by-time/x/y",
                                       "alert/0123456789abcdef/a",
                                       "alerts-by-time/0123456789ABCDEF/a"};
  for (const std::string& next : wrong) {
    std::optional<ec> alerts, incidents;
    queries->alerts({"", "", "", "", 10, next}, [&](outcome<alert_page> a) {
      alerts = a ? std::optional<ec>{} : a.error().code;
    });
    queries->incidents({"", "", 10, next}, [&](outcome<incident_page> a) {
      incidents = a ? std::optional<ec>{} : a.error().code;
    });
    EXPECT_EQ(alerts, ec::invalid) << next;
    EXPECT_EQ(incidents, ec::invalid) << next;
  }
  alert a;
  a.id = "a";
  EXPECT_TRUE(goes_on_under(alerts_by_time, time_key(a)));
}

TEST_F(EntityPages, OfNobodyAreEmpty) {
  begin();
  for (const auto& k : knows) k->names.clear();
  const auto got = page();
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->entities.empty());
  EXPECT_EQ(got->next, "");
}

}  // namespace
}  // namespace faultline
