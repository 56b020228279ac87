// SPDX-License-Identifier: Apache-2.0
#include "dashboard/web_files.hpp"

#include <fstream>

#include <gmock/gmock.h>

#include "tests/support/scratch_directory.hpp"

namespace faultline {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

struct WebFiles : ::testing::Test {
  void write(const std::string& name, const std::string& text) const {
    const auto file = folder.path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream{file} << text;
  }
  void read() {
    auto found = web_files::read(folder.path());
    ASSERT_TRUE(found) << found.error().what;
    page = *found;
  }
  http_response ask(const std::string& path,
                    std::vector<std::pair<std::string, std::string>> headers = {},
                    const char* method = "GET") const {
    http_request request;
    request.method = method;
    request.path = path;
    request.headers = std::move(headers);
    return answer_page(page.get(), request);
  }
  http_response asset(const std::string& name,
                      std::vector<std::pair<std::string, std::string>> headers = {}) const {
    return ask("/assets/" + page->edition() + "/" + name, std::move(headers));
  }

  faultline::testing::scratch_directory folder;
  std::shared_ptr<const web_files> page;
};

TEST_F(WebFiles, ServesTheIndexWithItsEditionAndSaysWhenItIsTheSame) {
  write("index.html", "<script src=\"assets/{{edition}}/main.js\"></script>{{edition}}");
  read();
  const auto index = ask("/");
  EXPECT_EQ(index.body,
            "<script src=\"assets/" + page->edition() + "/main.js\"></script>" + page->edition());
  EXPECT_EQ(index.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(index.headers, Contains(Pair("Cache-Control", "no-cache")));
  const std::string tag = '"' + page->edition() + '"';
  EXPECT_THAT(index.headers, Contains(Pair("ETag", tag)));
  const auto again = ask("/", {{"If-None-Match", tag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(ask("/", {{"If-None-Match", "\"other\""}}).status, 200);
  for (const std::string& list : {"\"other\", " + tag, "W/" + tag, std::string{"*"}})
    EXPECT_EQ(ask("/", {{"If-None-Match", list}}).status, 304) << list;
  EXPECT_EQ(ask("/", {{"If-None-Match", "\"a\", W/\"b\""}}).status, 200);
}

TEST_F(WebFiles, AllowsNoScriptButItsOwnAndNothingToBecomeOne) {
  write("index.html", "x");
  write("main.js", "y");
  read();
  for (const auto& answer : {ask("/"), asset("main.js")})
    EXPECT_THAT(answer.headers,
                Contains(Pair("Content-Security-Policy",
                              ::testing::AllOf(HasSubstr("default-src 'none'"),
                                               HasSubstr("script-src 'self';"),
                                               HasSubstr("require-trusted-types-for 'script'"),
                                               Not(HasSubstr("unsafe"))))));
}

TEST_F(WebFiles, FilesMayBeKeptForEverUnderTheirEdition) {
  write("index.html", "x");
  write("lib/a.js", "let a;");
  write("style.css", "p {}");
  write("icon.svg", "<svg/>");
  read();
  const auto script = asset("lib/a.js");
  EXPECT_EQ(script.body, "let a;");
  EXPECT_EQ(script.content_type, "text/javascript; charset=utf-8");
  EXPECT_THAT(script.headers, Contains(Pair("Cache-Control", HasSubstr("immutable"))));
  EXPECT_EQ(asset("style.css").content_type, "text/css; charset=utf-8");
  EXPECT_EQ(asset("icon.svg").content_type, "image/svg+xml");
  const std::string before = page->edition();
  write("lib/a.js", "let b;");
  read();
  EXPECT_NE(page->edition(), before);
  EXPECT_EQ(ask("/assets/" + before + "/lib/a.js").status, 404);
}

TEST_F(WebFiles, GivesThePackedFileToWhoTakesIt) {
  write("index.html", "x");
  write("a.js", "long text");
  write("a.js.gz", "packed");
  write("b.js", "not packed");
  read();
  const auto packed = asset("a.js", {{"Accept-Encoding", "br, gzip"}});
  EXPECT_EQ(packed.body, "packed");
  EXPECT_THAT(packed.headers, Contains(Pair("Content-Encoding", "gzip")));
  EXPECT_THAT(packed.headers, Contains(Pair("Vary", "Accept-Encoding")));
  EXPECT_EQ(asset("a.js", {{"Accept-Encoding", "GZip"}}).body, "packed");
  for (const char* refuses : {"", "br", "gzip;q=0", "gzip;q=0.0", "xgzip"})
    EXPECT_EQ(asset("a.js", {{"Accept-Encoding", refuses}}).body, "long text") << refuses;
  EXPECT_EQ(asset("b.js", {{"Accept-Encoding", "gzip"}}).body, "not packed");
}

TEST_F(WebFiles, NoPathLeadsToAnythingElse) {
  write("index.html", "x");
  write("main.js", "y");
  write("notes.key", "a secret");
  write(".hidden", "a secret");
  std::ofstream{folder.path().parent_path() / "faultline-outside.js"} << "a secret";
  read();
  const std::string root = "/assets/" + page->edition();
  for (const std::string& path :
       {root + "/../faultline-outside.js", root + "/%2e%2e/faultline-outside.js",
        root + "/..%2ffaultline-outside.js", root + "//main.js", root + "/./main.js",
        root + "/lib/../main.js", root + "/notes.key", root + "/.hidden", root + "/", root,
        root + "/main.js/", root + "/main.js%00.css", std::string{"/assets/"},
        std::string{"/assets/main.js"}, std::string{"/assets/../main.js"}, root + "//etc/passwd",
        root + "/..\\main.js"}) {
    EXPECT_EQ(ask(path).status, 404) << path;
    EXPECT_THAT(ask(path).body, Not(HasSubstr("secret"))) << path;
  }
  std::filesystem::remove(folder.path().parent_path() / "faultline-outside.js");
}

TEST_F(WebFiles, IsOnlyReadNeverWritten) {
  write("index.html", "x");
  read();
  for (const char* method : {"POST", "PUT", "DELETE", "TRACE"})
    EXPECT_EQ(ask("/", {}, method).status, 405) << method;
}

TEST_F(WebFiles, WithoutAnIndexThereIsNoPageAndTheServerSaysSo) {
  EXPECT_EQ(web_files::read(folder.path()).error().code, ec::not_found);
  EXPECT_EQ(web_files::read(folder.path() / "nowhere").error().code, ec::not_found);
  const auto index = ask("/");
  EXPECT_EQ(index.status, 200);
  EXPECT_THAT(index.body, HasSubstr("its page was not built"));
  EXPECT_THAT(index.body, HasSubstr("/api/v1"));
  EXPECT_EQ(ask("/assets/x/main.js").status, 404);
}

}  // namespace
}  // namespace faultline
