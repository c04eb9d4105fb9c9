// Internal: a place in a JSON document that knows its own path, so that every complaint names the key.
#ifndef MOTLEY_RUNTIME_JSON_CURSOR_H
#define MOTLEY_RUNTIME_JSON_CURSOR_H

#include "runtime/status.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace motley::runtime {

/// Parses text; a syntax error names `origin` and the byte, counted from `firstByte`.
Result<nlohmann::json> parseJson(std::string_view text, const std::string &origin, int64_t firstByte = 0);

class JsonCursor {
public:
  JsonCursor(const nlohmann::json &value, std::string origin) : value(&value), origin(std::move(origin)) {}

  Result<JsonCursor> at(const char *key) const;
  bool has(const char *key) const { return value->is_object() && value->contains(key); }
  /// Elements of an array.
  Result<std::vector<JsonCursor>> elements() const;
  /// Members of an object, by key.
  Result<std::vector<std::pair<std::string, JsonCursor>>> members() const;

  Result<std::string> string() const;
  Result<int64_t> integer() const;
  Result<double> number() const;
  Result<bool> boolean() const;
  Result<std::vector<int64_t>> integers() const;
  Result<std::vector<std::string>> strings() const;

  Status error(const std::string &what, Code code = Code::Corrupt) const;
  const nlohmann::json &json() const { return *value; }

private:
  JsonCursor(const nlohmann::json &value, std::string origin, std::string path)
      : value(&value), origin(std::move(origin)), path(std::move(path)) {}
  Status mistyped(const char *expected) const;

  const nlohmann::json *value;
  std::string origin;
  std::string path; // "functions[2].arena_bytes"
};

/// Reads object[key] into `out` by the type of `out`.
Status readKey(const JsonCursor &object, const char *key, std::string &out);
Status readKey(const JsonCursor &object, const char *key, int64_t &out);
Status readKey(const JsonCursor &object, const char *key, double &out);
Status readKey(const JsonCursor &object, const char *key, std::vector<int64_t> &out);
Status readKey(const JsonCursor &object, const char *key, std::vector<std::string> &out);

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_JSON_CURSOR_H
