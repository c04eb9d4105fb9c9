#include "runtime/json_cursor.h"

namespace motley::runtime {

Result<nlohmann::json> parseJson(std::string_view text, const std::string &origin, int64_t firstByte) {
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error &failure) {
    // The library counts from 1, and points one past the end when the text stops short.
    int64_t byte = firstByte + (failure.byte ? int64_t(failure.byte) - 1 : 0);
    return Status::error(Code::Corrupt, origin + ": malformed JSON at byte " + std::to_string(byte));
  } catch (const nlohmann::json::exception &failure) {
    return Status::error(Code::Corrupt, origin + ": malformed JSON: " + failure.what());
  }
}

Status JsonCursor::error(const std::string &what, Code code) const {
  return Status::error(code, origin + ": " + (path.empty() ? "" : "key '" + path + "' ") + what);
}

Status JsonCursor::mistyped(const char *expected) const {
  return error(std::string("is of type ") + value->type_name() + ", expected " + expected);
}

Result<JsonCursor> JsonCursor::at(const char *key) const {
  if (!value->is_object())
    return path.empty() ? error(std::string("is of type ") + value->type_name() + ", expected an object")
                        : mistyped("object");
  std::string child = path.empty() ? key : path + "." + key;
  auto found = value->find(key);
  if (found == value->end())
    return Status::error(Code::Corrupt, origin + ": key '" + child + "' is missing");
  return JsonCursor(*found, origin, child);
}

Result<std::vector<JsonCursor>> JsonCursor::elements() const {
  if (!value->is_array())
    return mistyped("array");
  std::vector<JsonCursor> children;
  for (size_t i = 0; i < value->size(); ++i)
    children.push_back(JsonCursor((*value)[i], origin, path + "[" + std::to_string(i) + "]"));
  return children;
}

Result<std::vector<std::pair<std::string, JsonCursor>>> JsonCursor::members() const {
  if (!value->is_object())
    return mistyped("object");
  std::vector<std::pair<std::string, JsonCursor>> children;
  for (auto member = value->begin(); member != value->end(); ++member)
    children.emplace_back(member.key(),
                          JsonCursor(member.value(), origin, path.empty() ? member.key() : path + "." + member.key()));
  return children;
}

Result<std::string> JsonCursor::string() const {
  if (!value->is_string())
    return mistyped("string");
  return value->get<std::string>();
}

Result<int64_t> JsonCursor::integer() const {
  if (!value->is_number_integer())
    return mistyped("integer");
  if (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t(INT64_MAX))
    return error("does not fit 64 bits");
  return value->get<int64_t>();
}

Result<double> JsonCursor::number() const {
  if (!value->is_number())
    return mistyped("number");
  return value->get<double>();
}

Result<bool> JsonCursor::boolean() const {
  if (!value->is_boolean())
    return mistyped("boolean");
  return value->get<bool>();
}

Result<std::vector<int64_t>> JsonCursor::integers() const {
  MOTLEY_ASSIGN(auto children, elements());
  std::vector<int64_t> out;
  for (const JsonCursor &child : children) {
    MOTLEY_ASSIGN(int64_t element, child.integer());
    out.push_back(element);
  }
  return out;
}

Result<std::vector<std::string>> JsonCursor::strings() const {
  MOTLEY_ASSIGN(auto children, elements());
  std::vector<std::string> out;
  for (const JsonCursor &child : children) {
    MOTLEY_ASSIGN(std::string element, child.string());
    out.push_back(element);
  }
  return out;
}

Status readKey(const JsonCursor &object, const char *key, std::string &out) {
  MOTLEY_ASSIGN(JsonCursor child, object.at(key));
  MOTLEY_ASSIGN(out, child.string());
  return Status::ok();
}

Status readKey(const JsonCursor &object, const char *key, int64_t &out) {
  MOTLEY_ASSIGN(JsonCursor child, object.at(key));
  MOTLEY_ASSIGN(out, child.integer());
  return Status::ok();
}

Status readKey(const JsonCursor &object, const char *key, double &out) {
  MOTLEY_ASSIGN(JsonCursor child, object.at(key));
  MOTLEY_ASSIGN(out, child.number());
  return Status::ok();
}

Status readKey(const JsonCursor &object, const char *key, std::vector<int64_t> &out) {
  MOTLEY_ASSIGN(JsonCursor child, object.at(key));
  MOTLEY_ASSIGN(out, child.integers());
  return Status::ok();
}

Status readKey(const JsonCursor &object, const char *key, std::vector<std::string> &out) {
  MOTLEY_ASSIGN(JsonCursor child, object.at(key));
  MOTLEY_ASSIGN(out, child.strings());
  return Status::ok();
}

} // namespace motley::runtime
