// SPDX-License-Identifier: Apache-2.0
#include "transport/notify_sender.hpp"

#include <algorithm>
#include <memory>
#include <mutex>

#include <curl/curl.h>

#include "transport/internal/curve.hpp"
#include "transport/key_file.hpp"
#include "transport/notify_payload.hpp"
#include "transport/notify_text.hpp"

namespace faultline {
namespace {

constexpr std::size_t answer_bytes = 4096;
constexpr std::size_t secret_bytes = 4096;

struct curl_closer {
  void operator()(CURL* c) const { curl_easy_cleanup(c); }
};
struct list_closer {
  void operator()(curl_slist* l) const { curl_slist_free_all(l); }
};
using curl_handle = std::unique_ptr<CURL, curl_closer>;
using curl_list = std::unique_ptr<curl_slist, list_closer>;

void add(curl_list& list, const std::string& line) {
  list.reset(curl_slist_append(list.release(), line.c_str()));
}

/// The first line of a file of our own; what is wrong names the file, never its content.
outcome<std::string> read_secret(const std::string& file) {
  const auto text = read_secret_file(file);
  // Ours to mend, and not the receiver's refusal, which ec::invalid would be: it is tried again.
  if (!text) return failure{ec::io_failed, text.error().what};
  std::string line{text->reveal().substr(0, text->reveal().find('\n'))};
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty() || line.size() > secret_bytes)
    return failure{ec::io_failed, "cannot read a line from " + file};
  const bool plain =
      std::all_of(line.begin(), line.end(), [](unsigned char c) { return c >= ' ' && c != 0x7f; });
  if (!plain) return failure{ec::io_failed, file + " holds control characters"};
  return line;
}

std::size_t take_answer(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& text = *static_cast<std::string*>(into);
  text.append(bytes, std::min(size * count, answer_bytes - std::min(answer_bytes, text.size())));
  return size * count;
}

struct upload {
  const std::string* text;
  std::size_t at = 0;
};

std::size_t give_mail(char* bytes, std::size_t size, std::size_t count, void* from) {
  auto& u = *static_cast<upload*>(from);
  const std::size_t n = std::min(size * count, u.text->size() - u.at);
  std::copy_n(u.text->data() + u.at, n, bytes);
  u.at += n;
  return n;
}

/// What is put together with a path that begins with one: an address may end with a slash or not.
std::string without_slash(std::string address) {
  while (!address.empty() && address.back() == '/') address.pop_back();
  return address;
}

/// What curl says of its own, without the address; and the number by which a mail server refused.
failure said_by(CURL* h, CURLcode code) {
  if (code == CURLE_ABORTED_BY_CALLBACK)
    return {ec::deadline_passed, "broken off before there was an answer"};
  const bool late = code == CURLE_OPERATION_TIMEDOUT;
  std::string what = curl_easy_strerror(code);
  long status = 0;
  if (curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status >= 400)
    what += ": answered " + std::to_string(status);
  return {late ? ec::deadline_passed : ec::io_failed, what};
}

/// libcurl asks at least once a second.
int is_broken_off(void* flag, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(flag)->load() ? 1 : 0;
}

outcome<curl_handle> handle_for(const notify_target& to, const std::string& url,
                                const char* protocols) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  curl_handle c{curl_easy_init()};
  if (!c) return failure{ec::io_failed, "no handle of libcurl"};
  curl_easy_setopt(c.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c.get(), CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs is not waited for
  curl_easy_setopt(c.get(), CURLOPT_PROTOCOLS_STR, protocols);
  curl_easy_setopt(c.get(), CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(c.get(), CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(to.connect_timeout.count()));
  curl_easy_setopt(c.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(to.timeout.count()));
  if (to.broken_off != nullptr) {
    curl_easy_setopt(c.get(), CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c.get(), CURLOPT_XFERINFOFUNCTION, is_broken_off);
    curl_easy_setopt(c.get(), CURLOPT_XFERINFODATA, to.broken_off);
  }
  if (curl_easy_setopt(c.get(), CURLOPT_URL, url.c_str()) != CURLE_OK)
    return failure{ec::io_failed, "the address cannot be used"};
  return c;
}

/// Of a body that is wrong, not of an address or a token that somebody may set right.
bool refuses(long status) {
  return status == 400 || status == 413 || status == 415 || status == 422;
}

/// Sets again->rest to what the answer asks for, if it is longer.
void note_rest(CURL* h, notify_again& again) {
  curl_off_t seconds = 0;
  if (curl_easy_getinfo(h, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK) return;
  constexpr curl_off_t most = 86'400;
  const std::chrono::milliseconds asked{std::clamp<curl_off_t>(seconds, 0, most) * 1000};
  again.rest = std::max(again.rest, asked);
}

outcome<void> post(const notify_target& to, const std::string& url, const std::string& body,
                   const std::string& bearer, const std::string& id, notify_again& again) {
  auto c = handle_for(to, url, "http,https");
  if (!c) return c.error();
  CURL* h = c->get();
  curl_list headers;
  add(headers, "Content-Type: application/json");
  add(headers, "User-Agent: faultline");
  add(headers, "Idempotency-Key: " + id);
  add(headers, "Expect:");
  if (!bearer.empty()) add(headers, "Authorization: Bearer " + bearer);
  std::string answer;
  curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(h, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, &answer);
  if (const CURLcode code = curl_easy_perform(h); code != CURLE_OK) return said_by(h, code);
  long status = 0;
  curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) return {};
  note_rest(h, again);
  return failure{refuses(status) ? ec::invalid : ec::io_failed,
                 "answered " + std::to_string(status)};
}

/// Whether @p url leads to this machine alone: its mail server has a certificate of its own making.
bool stays_here(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == url.npos) return false;
  auto host = url.substr(scheme + 3);
  host = host.substr(0, host.find('/'));
  const bool port = host.rfind(':') != host.npos && host.back() != ']';
  return is_local("tcp://" + std::string{host} + (port ? "" : ":25"));
}

/// Recipients that a mail server does not take, as the two say it to each other.
struct recipient_talk {
  std::string asked;               ///< whose answer comes next
  std::string refused;             ///< "a@x (550), b@x (452)"
  std::vector<std::string> later;  ///< of those, whom it refuses for now
  bool for_good = false;           ///< and whether it refuses some for good
};

int hear_recipients(CURL*, curl_infotype type, char* bytes, std::size_t size, void* into) {
  auto& talk = *static_cast<recipient_talk*>(into);
  const std::string_view line{bytes, size};
  constexpr std::string_view ask = "RCPT TO:<";
  if (type == CURLINFO_HEADER_OUT) {
    const auto end = line.find('>');
    const bool asks = line.substr(0, ask.size()) == ask && end != line.npos;
    talk.asked = asks ? line.substr(ask.size(), end - ask.size()) : std::string_view{};
  } else if (type == CURLINFO_HEADER_IN && !talk.asked.empty() && size > 3 && line[3] != '-') {
    if (line[0] >= '4')
      talk.refused += (talk.refused.empty() ? "" : ", ") + talk.asked + " (" +
                      std::string{line.substr(0, 3)} + ")";
    if (line[0] == '4') talk.later.push_back(talk.asked);
    talk.for_good = talk.for_good || line[0] > '4';
    talk.asked.clear();
  }
  return 0;
}

/// All who are taken: one recipient that the server refuses keeps the mail from nobody else.
outcome<void> mail(const notify_target& to, const std::string& url, const std::string& message,
                   notify_again& again) {
  recipient_talk talk;  // lives longer than the handle, which may have a last word
  auto c = handle_for(to, url, "smtp,smtps");
  if (!c) return c.error();
  CURL* h = c->get();
  if (!to.secret_file.empty()) {
    auto password = read_secret(to.secret_file);
    if (!password) return password.error();
    curl_easy_setopt(h, CURLOPT_USERNAME, to.user.c_str());
    curl_easy_setopt(h, CURLOPT_PASSWORD, password->c_str());
    // A password goes over an encrypted connection or not at all.
    curl_easy_setopt(h, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  } else {
    const auto tls = stays_here(url) ? CURLUSESSL_NONE : CURLUSESSL_TRY;
    curl_easy_setopt(h, CURLOPT_USE_SSL, static_cast<long>(tls));
  }
  curl_list recipients;
  for (const std::string& one : to.to) add(recipients, "<" + one + ">");
  const std::string sender = "<" + to.from + ">";
  upload u{&message};
  curl_easy_setopt(h, CURLOPT_MAIL_FROM, sender.c_str());
  curl_easy_setopt(h, CURLOPT_MAIL_RCPT, recipients.get());
  curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(h, CURLOPT_READFUNCTION, give_mail);
  curl_easy_setopt(h, CURLOPT_READDATA, &u);
  curl_easy_setopt(h, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
  curl_easy_setopt(h, CURLOPT_VERBOSE, 1L);  // to whom nobody but hear_recipients() listens
  curl_easy_setopt(h, CURLOPT_DEBUGFUNCTION, hear_recipients);
  curl_easy_setopt(h, CURLOPT_DEBUGDATA, &talk);
  const CURLcode code = curl_easy_perform(h);
  again.to = std::move(talk.later);
  again.for_good = talk.for_good;
  if (code != CURLE_OK) return said_by(h, code);
  if (talk.refused.empty()) return {};
  return failure{ec::invalid, "the mail server refuses " + talk.refused + "; the others have it"};
}

/// All bodies: one that is refused keeps no other from being taken.
outcome<void> post_all(const notify_target& to, const std::string& url, const notification& n,
                       notify_again& again) {
  std::string bearer;
  if (!to.secret_file.empty()) {
    auto read = read_secret(to.secret_file);
    if (!read) return read.error();
    bearer = std::move(*read);
  }
  std::size_t part = 0;
  outcome<void> all;
  for (const std::string& body : alertmanager_bodies(n, to.external_url)) {
    const std::string id = n.id + "-" + std::to_string(part++);
    auto sent = post(to, without_slash(url) + "/api/v2/alerts", body, bearer, id, again);
    if (!sent && sent.error().code != ec::invalid) return sent;
    if (!sent) all = std::move(sent);
  }
  return all;
}

}  // namespace

outcome<void> check_files(const notify_target& to) {
  for (const auto& file : {to.url_file, to.secret_file}) {
    if (file.empty()) continue;
    if (const auto read = read_secret(file); !read) return read.error();
  }
  return {};
}

outcome<void> send_notification(const notify_target& named, const notification& n,
                                notify_again* again) {
  notify_again heard;
  notify_again& next = again != nullptr ? *again : heard;
  next = {};
  notify_target to = named;
  to.external_url = without_slash(to.external_url);
  std::string url = to.url;
  if (!to.url_file.empty()) {
    auto read = read_secret(to.url_file);
    if (!read) return read.error();
    url = std::move(*read);
  }
  if (to.how == notify_target::kind::alertmanager) return post_all(to, url, n, next);
  const auto fields = notification_fields(n, to.external_url);
  const std::string title =
      fill_template(to.title.empty() ? default_title : std::string_view{to.title}, n, fields);
  const std::string text =
      fill_template(to.text.empty() ? default_text : std::string_view{to.text}, n, fields);
  if (to.how == notify_target::kind::email)
    return mail(to, url, mail_message(n, to.from, to.to, title, text), next);
  std::string secret;
  if (!to.secret_file.empty()) {
    auto read = read_secret(to.secret_file);
    if (!read) return read.error();
    secret = std::move(*read);
  }
  if (to.how == notify_target::kind::pagerduty) {
    auto bodies = pagerduty_bodies(n, secret, title, to.external_url);
    const std::string where = url.empty() ? pagerduty_url : url;
    for (; bodies.size() > 1; bodies.erase(bodies.begin()))
      if (auto sent = post(to, where, bodies.front(), {}, n.id + "-over", next); !sent) return sent;
    return post(to, where, bodies.front(), {}, n.id, next);
  }
  const std::string body = to.how == notify_target::kind::plain
                               ? plain_body(n, title, text, to.external_url)
                               : webhook_body(n, to.external_url);
  return post(to, url, body, secret, n.id, next);
}

}  // namespace faultline
