// SPDX-License-Identifier: Apache-2.0
#include "judgement/inhibition.hpp"

#include <algorithm>

#include "messages/posted_alert.hpp"

namespace faultline {

outcome<label_matchers> matchers_of(const std::vector<std::string>& texts) {
  std::vector<label_matcher> all;
  for (const std::string& text : texts) {
    auto some = parse_matchers(text);
    if (!some) return some.error();
    all.insert(all.end(), some->begin(), some->end());
  }
  return label_matchers::compile(std::move(all));
}

outcome<void> check_inhibit(const std::vector<inhibit_rule>& rules) {
  for (std::size_t n = 0; n < rules.size(); ++n) {
    const std::string key = "inhibit[" + std::to_string(n) + "].";
    const inhibit_rule& r = rules[n];
    for (const auto& [name, texts] : {std::pair{"source", &r.source}, {"target", &r.target}}) {
      const auto made = matchers_of(*texts);
      if (!made) return failure{ec::invalid, key + name + ": " + made.error().what};
      if (made->empty())
        return failure{ec::invalid,
                       key + name + ": asks for nothing: it would hold for everything"};
    }
    const auto blank = [](const std::string& label) {
      return label.find_first_not_of(' ') == std::string::npos;
    };
    if (std::any_of(r.equal.begin(), r.equal.end(), blank))
      return failure{ec::invalid, key + "equal: a label has no name"};
  }
  return {};
}

flap_key flap_key_of(const alert& a) {
  const auto at = a.labels.find("alertname");
  std::string name = at == a.labels.end() ? a.metric : at->second;
  if (!a.source.empty()) name += "/" + label_fingerprint(a.labels);
  return {a.entity, std::move(name)};
}

}  // namespace faultline
