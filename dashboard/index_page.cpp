// SPDX-License-Identifier: Apache-2.0
#include "dashboard/internal/routes.hpp"

namespace faultline {

// Plain on purpose: no script, no style. Every text in it is ours, so nothing needs escaping.
std::string index_page(ways_in open) {
  std::string page =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>faultline</title>"
      "</head><body>\n<h1>faultline</h1>\n<p>Early warning and root cause. This server speaks "
      "JSON:</p>\n<table>\n";
  for (const route& r : api_routes()) {
    if (!open.posted_alerts && r.method == "POST" && r.path == "/api/v2/alerts") continue;
    std::string path{r.path};
    if (const auto star = path.find('*'); star != std::string::npos) path.replace(star, 1, "ID");
    const bool link = r.method == "GET" && path.find("ID") == std::string::npos;
    page.append("<tr><td>").append(r.method).append("</td><td>");
    if (link) page.append("<a href=\"").append(path).append("\">");
    page.append(path).append(link ? "</a>" : "").append("</td><td>");
    for (const char c : r.about) {
      if (c == '&')
        page.append("&amp;");
      else
        page.push_back(c);
    }
    page.append("</td></tr>\n");
  }
  return page.append(
      "</table>\n<p>An ID is percent-encoded: service%2Fcart. Errors are "
      "{error: {code, message}}.</p>\n</body></html>\n");
}

std::string no_page() {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>faultline</title>"
         "</head><body>\n<h1>faultline</h1>\n<p>The server runs; its page was not built: "
         "<code>deploy/build.sh</code> puts it into <code>share/faultline/web</code> beside the "
         "programs, and needs <code>npm</code> for the libraries that it is made with. "
         "<code>web.pages</code> names another directory.</p>\n<p>What the page would show is at "
         "<a href=\"/api/v1\">/api/v1</a>, and in the command <code>faultline</code>.</p>\n"
         "</body></html>\n";
}

}  // namespace faultline
