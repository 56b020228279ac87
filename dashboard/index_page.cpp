// SPDX-License-Identifier: Apache-2.0
#include "dashboard/internal/routes.hpp"

namespace faultline {

// Plain on purpose: no script, no style. Every text in it is ours, so nothing needs escaping.
std::string index_page() {
  std::string page =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>faultline</title>"
      "</head><body>\n<h1>faultline</h1>\n<p>Early warning and root cause. This server speaks "
      "JSON:</p>\n<table>\n";
  for (const route& r : api_routes()) {
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

}  // namespace faultline
