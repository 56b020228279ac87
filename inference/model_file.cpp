// SPDX-License-Identifier: Apache-2.0
#include "inference/model_file.hpp"

#include <sodium.h>

#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "inference/internal/model_bytes.hpp"
#include "messages/version.hpp"

// file     := magic version kind metadata_bytes tensor_count metadata tensor* digest
// magic    := "FLMODEL\n", 8 bytes
// version  := u32, 1                     all integers little-endian
// kind     := u32, model_kind
// metadata := a JSON object, UTF-8, metadata_bytes (u32) long
// tensor   := u8 name_bytes, name, u8 rank 1..4, u32 dimension > 0 each, float32 each
// digest   := SHA-256 of everything before it, 32 bytes
//
// A reader checks the digest first, then refuses what it does not know.

namespace faultline {
namespace {

constexpr std::string_view magic = "FLMODEL\n";
constexpr std::size_t header_bytes = 24;
constexpr std::size_t digest_bytes = std::tuple_size_v<model_digest>;

static_assert(sizeof(float) == 4, "weights are IEEE single precision");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats are copied as they stand");

failure malformed(std::string what) { return {ec::malformed, "model file: " + std::move(what)}; }

void put_u32(std::string& out, std::uint32_t v) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>((v >> shift) & 0xff));
}

/// A required string or number of the metadata; throws nlohmann's exceptions, caught by the caller.
model_description description_of(const nlohmann::json& json) {
  model_description d;
  d.name = json.at("name").get<std::string>();
  d.version = json.at("version").get<std::string>();
  d.training_data = json.at("training_data").get<std::string>();
  d.note = json.at("note").get<std::string>();
  d.date = json.at("date").get<std::string>();
  d.git_revision = json.at("git_revision").get<std::string>();
  d.seed = json.at("seed").get<std::uint64_t>();
  d.measures = json.at("measures").get<std::map<std::string, double>>();
  return d;
}

outcome<model_description> parse_metadata(std::string_view text, model_kind kind) {
  try {
    // The depth is bounded: the fields are flat, and measures is one level below.
    const nlohmann::json json =
        nlohmann::json::parse(text, [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
          if (depth > 3) throw std::length_error("nested too deeply");
          return true;
        });
    if (!json.is_object()) return malformed("the metadata is not a JSON object");
    if (json.at("kind").get<std::string>() != to_string(kind)) {
      return malformed("metadata and header name different kinds");
    }
    return description_of(json);
  } catch (const std::exception& e) {
    return malformed(std::string{"metadata: "} + e.what());
  }
}

/// Walks over bytes that may be anything.
class reader {
public:
  explicit reader(std::string_view bytes) : rest_{bytes} {}

  bool take(std::size_t n, std::string_view& out) {
    if (rest_.size() < n) return false;
    out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return true;
  }
  bool u8(std::uint8_t& v) {
    std::string_view b;
    if (!take(1, b)) return false;
    v = static_cast<std::uint8_t>(b[0]);
    return true;
  }
  bool u32(std::uint32_t& v) {
    std::string_view b;
    if (!take(4, b)) return false;
    v = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      v |= std::uint32_t{static_cast<unsigned char>(b[i])} << (8 * i);
    }
    return true;
  }
  bool empty() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }

private:
  std::string_view rest_;
};

outcome<model_tensor> read_tensor(reader& in) {
  std::uint8_t name_bytes = 0;
  std::uint8_t rank = 0;
  std::string_view name;
  if (!in.u8(name_bytes) || name_bytes == 0 || name_bytes > model_limits::name_bytes ||
      !in.take(name_bytes, name)) {
    return malformed("a tensor has no readable name");
  }
  model_tensor t;
  t.name = std::string{name};
  if (!in.u8(rank) || rank == 0 || rank > model_limits::rank) {
    return malformed("tensor " + t.name + " has no readable rank");
  }
  std::uint64_t count = 1;
  for (std::uint8_t i = 0; i < rank; ++i) {
    std::uint32_t n = 0;
    if (!in.u32(n) || n == 0) return malformed("tensor " + t.name + " has no readable shape");
    t.shape.push_back(n);
    count *= n;  // cannot overflow: the product so far is at most file_bytes, n below 2^32
    if (count > model_limits::file_bytes / sizeof(float)) {
      return malformed("tensor " + t.name + " is larger than a file may be");
    }
  }
  std::string_view raw;
  if (!in.take(count * sizeof(float), raw)) return malformed("tensor " + t.name + " is cut short");
  t.values.resize(count);
  std::memcpy(t.values.data(), raw.data(), raw.size());
  for (const float v : t.values) {
    if (!std::isfinite(v)) {
      return failure{ec::model_failed, "model file: tensor " + t.name +
                                           " holds a weight that is "
                                           "not a finite number"};
    }
  }
  return t;
}

struct header {
  model_kind kind = model_kind::forecaster;
  std::uint32_t metadata_bytes = 0;
  std::uint32_t tensors = 0;
};

outcome<header> read_header(reader& in) {
  std::string_view head;
  std::uint32_t version = 0;
  std::uint32_t kind = 0;
  header h;
  // It is long enough for a header: decode_model() has looked.
  if (!in.take(magic.size(), head) || head != magic || !in.u32(version) || !in.u32(kind) ||
      !in.u32(h.metadata_bytes) || !in.u32(h.tensors))
    return malformed("it does not begin as one");
  if (version != model_format_version) {
    return newer_version("model file", version, model_format_version);
  }
  if (kind != static_cast<std::uint32_t>(model_kind::forecaster) &&
      kind != static_cast<std::uint32_t>(model_kind::ranker)) {
    return malformed("kind " + std::to_string(kind) + " is not known");
  }
  h.kind = static_cast<model_kind>(kind);
  if (h.metadata_bytes > model_limits::metadata_bytes || h.tensors > model_limits::tensors) {
    return failure{ec::too_large, "model file: the header claims more than a file may hold"};
  }
  return h;
}

outcome<std::string> check_content(const model_content& content) {
  if (content.tensors.size() > model_limits::tensors) {
    return failure{ec::invalid, "model: too many tensors"};
  }
  for (const model_tensor& t : content.tensors) {
    std::uint64_t count = t.shape.empty() ? 0 : 1;
    for (const std::uint32_t n : t.shape) count *= n;
    if (t.name.empty() || t.name.size() > model_limits::name_bytes ||
        t.shape.size() > model_limits::rank || count == 0 || count != t.values.size()) {
      return failure{ec::invalid, "model: tensor '" + t.name + "' has no valid name or shape"};
    }
    for (const float v : t.values) {
      if (!std::isfinite(v)) {
        return failure{ec::invalid, "model: tensor " + t.name + " is not finite"};
      }
    }
  }
  for (const auto& [name, value] : content.description.measures) {
    if (!std::isfinite(value)) return failure{ec::invalid, "model: measure " + name};
  }
  return model_metadata_of(content);
}

}  // namespace

model_digest model_digest_of(std::string_view bytes) {
  model_digest d{};
  crypto_hash_sha256(d.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  return d;
}

std::string model_metadata_of(const model_content& content) {
  const model_description& d = content.description;
  nlohmann::json json{{"name", d.name},
                      {"version", d.version},
                      {"kind", to_string(content.kind)},
                      {"training_data", d.training_data},
                      {"note", d.note},
                      {"date", d.date},
                      {"git_revision", d.git_revision},
                      {"seed", d.seed},
                      {"measures", d.measures}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

const char* to_string(model_kind kind) noexcept {
  return kind == model_kind::forecaster ? "forecaster" : "ranker";
}

outcome<std::string> encode_model(const model_content& content) {
  const outcome<std::string> metadata = check_content(content);
  if (!metadata) return metadata.error();
  std::string out{magic};
  put_u32(out, model_format_version);
  put_u32(out, static_cast<std::uint32_t>(content.kind));
  put_u32(out, static_cast<std::uint32_t>(metadata->size()));
  put_u32(out, static_cast<std::uint32_t>(content.tensors.size()));
  out += *metadata;
  for (const model_tensor& t : content.tensors) {
    out.push_back(static_cast<char>(t.name.size()));
    out += t.name;
    out.push_back(static_cast<char>(t.shape.size()));
    for (const std::uint32_t n : t.shape) put_u32(out, n);
    out.append(reinterpret_cast<const char*>(t.values.data()), t.values.size() * sizeof(float));
  }
  const model_digest d = model_digest_of(out);
  out.append(reinterpret_cast<const char*>(d.data()), d.size());
  if (out.size() > model_limits::file_bytes || metadata->size() > model_limits::metadata_bytes) {
    return failure{ec::invalid, "model: larger than a model file may be"};
  }
  return out;
}

outcome<model_content> decode_model(std::string_view bytes) {
  if (bytes.size() > model_limits::file_bytes) {
    return failure{ec::too_large, "model file: larger than a model may be"};
  }
  if (bytes.size() < header_bytes + digest_bytes) return malformed("too short to be one");
  const std::string_view body = bytes.substr(0, bytes.size() - digest_bytes);
  const model_digest d = model_digest_of(body);
  if (std::memcmp(d.data(), bytes.data() + body.size(), digest_bytes) != 0) {
    return malformed("the checksum does not match: the file is damaged or cut short");
  }
  reader in{body};
  const outcome<header> head = read_header(in);
  if (!head) return head.error();
  std::string_view metadata;
  if (!in.take(head->metadata_bytes, metadata)) return malformed("cut short in the metadata");
  outcome<model_description> description = parse_metadata(metadata, head->kind);
  if (!description) return description.error();
  model_content content;
  content.kind = head->kind;
  content.description = std::move(*description);
  for (std::uint32_t i = 0; i < head->tensors; ++i) {
    outcome<model_tensor> t = read_tensor(in);
    if (!t) return t.error();
    content.tensors.push_back(std::move(*t));
  }
  if (!in.empty()) return malformed(std::to_string(in.left()) + " bytes after the last tensor");
  return content;
}

outcome<void> check_tensors(const model_content& content,
                            const std::vector<expected_tensor>& expected) {
  if (content.tensors.size() != expected.size()) {
    return failure{ec::model_failed, "model: " + std::to_string(content.tensors.size()) +
                                         " tensors where " + std::to_string(expected.size()) +
                                         " belong"};
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (content.tensors[i].name != expected[i].name) {
      return failure{ec::model_failed, "model: tensor " + content.tensors[i].name + " where " +
                                           std::string{expected[i].name} + " belongs"};
    }
    if (content.tensors[i].shape != expected[i].shape) {
      return failure{ec::model_failed,
                     "model: tensor " + content.tensors[i].name + " has another shape"};
    }
  }
  return {};
}

}  // namespace faultline
