#include "tool/Arguments.h"

#include "engine/Memory.h"
#include "engine/TensorMap.h"
#include "tool/NumberText.h"
#include "tool/ReadFile.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <fstream>
#include <nlohmann/json.hpp>

namespace ptxsim {
namespace {

bool takePrefix(std::string &text, const char *prefix) {
  const size_t length = strlen(prefix);
  if (text.compare(0, length, prefix) != 0)
    return false;
  text.erase(0, length);
  return true;
}

bool endsWith(const std::string &text, const char *suffix) {
  const size_t length = strlen(suffix);
  return text.size() >= length && text.compare(text.size() - length, length, suffix) == 0;
}

/// "f32[64,32]"; "f32[]" has one element.
Array parseShape(const std::string &argument, const std::string &text) {
  const size_t open = text.find('[');
  Array array;
  array.type = text.substr(0, open);
  const unsigned bytes = elementBytes(array.type);
  if (open == std::string::npos || text.back() != ']' || !bytes)
    throw UsageError("--arg " + argument + ": expected TYPE[SIZE,...] such as f32[64,32], got '" + text + "'");
  std::string sizes = text.substr(open + 1, text.size() - open - 2);
  uint64_t total = bytes;
  for (size_t at = 0; at < sizes.size();) {
    const size_t comma = std::min(sizes.find(',', at), sizes.size());
    const std::string size = sizes.substr(at, comma - at);
    if (size.empty() || size.find_first_not_of("0123456789") != std::string::npos || size.size() > 12)
      throw UsageError("--arg " + argument + ": '" + size + "' is no size");
    array.shape.push_back(std::stoull(size));
    if (array.shape.back() && total > (uint64_t(1) << 40) / array.shape.back())
      throw UsageError("--arg " + argument + ": more than 1 TiB");
    total *= array.shape.back();
    at = comma + 1;
  }
  array.bytes.assign(total, 0);
  return array;
}

std::string readArgumentFile(const std::string &where, const std::string &path, uint64_t most) {
  try {
    return readFile(path, most);
  } catch (const std::runtime_error &error) {
    throw UsageError(where + error.what());
  }
}

/// A floating-point number for an integer parameter, or the reverse, is a mistake; bits (b32, ...) go with either.
void refuseOtherClass(const std::string &where, const std::string &given, const std::string &parameter) {
  auto isBits = [](const std::string &type) { return type[0] == 'b' && type != "bf16"; };
  auto isFloat = [](const std::string &type) { return type[0] != 's' && type[0] != 'u'; };
  if (isBits(given) || isBits(parameter) || isFloat(given) == isFloat(parameter))
    return;
  throw UsageError(where + ": the number is " + given + ", the parameter " + parameter +
                   "; give its bits as b" + std::to_string(8 * elementBytes(given)) + " if that is meant");
}

} // namespace

Argument parseArgument(const std::string &text) {
  Argument argument;
  argument.text = text;
  std::string rest = text;
  if (rest == "null")
    return argument;
  argument.kind = Argument::Kind::Array;
  if (takePrefix(rest, "out:")) {
    argument.isOutput = true;
    argument.array = parseShape(text, rest);
    return argument;
  }
  if (takePrefix(rest, "zero:")) {
    argument.isInput = argument.isOutput = true;
    argument.array = parseShape(text, rest);
    return argument;
  }
  argument.isOutput = takePrefix(rest, "inout:");
  if (argument.isOutput || endsWith(rest, ".npy")) {
    argument.isInput = true;
    argument.array = readNpy(rest);
    return argument;
  }
  argument.path = rest;
  if (takePrefix(argument.path, "map:")) {
    argument.kind = Argument::Kind::Map;
    return argument;
  }
  if (takePrefix(argument.path, "bytes:")) {
    argument.kind = Argument::Kind::Bytes;
    return argument;
  }
  argument.kind = Argument::Kind::Number;
  const size_t colon = rest.find(':');
  if (colon != std::string::npos) {
    argument.numberType = rest.substr(0, colon);
    rest.erase(0, colon + 1);
    if (argument.numberType == "tf32" || argument.numberType == "e4m3" || argument.numberType == "e5m2")
      throw UsageError("--arg " + text + ": no number is read as " + argument.numberType + "; give its bits as b" +
                       std::to_string(8 * elementBytes(argument.numberType)));
    if (!elementBytes(argument.numberType))
      throw UsageError("--arg " + text + ": '" + argument.numberType +
                       "' is neither a type nor one of out, inout, zero, map, bytes");
  }
  argument.path = rest; // the number's text
  if (!isNumber(rest))
    throw UsageError("--arg " + text +
                     ": neither a number nor a .npy file nor one of out:, inout:, zero:, map:, bytes:, null");
  return argument;
}

BoundArguments::BoundArguments(Device &device, const ptx::Function &kernel, const std::vector<Argument> &arguments,
                               size_t count)
    : arguments(arguments), addresses(arguments.size()) {
  if (count != kernel.parameters.size())
    throw UsageError("kernel '" + kernel.name + "' has " + std::to_string(kernel.parameters.size()) + " parameters, " +
                     std::to_string(count) + " --arg were given");
  for (size_t k = 0; k < arguments.size(); ++k) {
    const Argument &argument = arguments[k];
    if (argument.kind != Argument::Kind::Array)
      continue;
    const Array &array = argument.array;
    addresses[k] = device.memory().allocate(std::max<size_t>(array.bytes.size(), 1),
                                            "argument " + std::to_string(k) + " (" + argument.text + ")");
    if (!addresses[k])
      throw UsageError("--arg " + argument.text + ": " + std::to_string(array.bytes.size()) +
                       " bytes are more than the device has left");
    if (!argument.isInput)
      continue;
    memcpy(reinterpret_cast<void *>(addresses[k]), array.bytes.data(), array.bytes.size());
    device.memory().markDefined(addresses[k], array.bytes.size());
  }
  block.assign(kernel.parameterBytes(), 0);
  for (size_t k = 0; k < count; ++k) {
    const Argument &argument = arguments[k];
    const ptx::Variable &parameter = *kernel.parameters[k];
    uint8_t *at = block.data() + kernel.parameterOffset(parameter);
    const std::string where = "--arg " + argument.text + ", parameter '" + parameter.name + "'";
    switch (argument.kind) {
    case Argument::Kind::Array:
    case Argument::Kind::Null:
      if (parameter.bytes != 8)
        throw UsageError(where + ": an address has 8 bytes, the parameter " + std::to_string(parameter.bytes));
      memcpy(at, &addresses[k], 8);
      break;
    case Argument::Kind::Number: {
      const std::string type = argument.numberType.empty() ? ptx::name(parameter.type).str() : argument.numberType;
      refuseOtherClass(where, type, ptx::name(parameter.type).str());
      const std::vector<uint8_t> bytes = numberBytes(where, type, argument.path);
      if (bytes.size() != parameter.bytes)
        throw UsageError(where + ": " + type + " has " + std::to_string(bytes.size()) + " bytes, the parameter " +
                         std::to_string(parameter.bytes));
      memcpy(at, bytes.data(), bytes.size());
      break;
    }
    case Argument::Kind::Map:
      if (parameter.bytes < kTensorMapBytes)
        throw UsageError(where + ": a tensor map has 128 bytes, the parameter " + std::to_string(parameter.bytes) +
                         "; pass maps by value (__grid_constant__)");
      encodeMap(argument, at, arguments);
      break;
    case Argument::Kind::Bytes: {
      const std::string bytes = readArgumentFile(where + ": ", argument.path, kMostText);
      if (bytes.size() != parameter.bytes)
        throw UsageError(where + ": the file has " + std::to_string(bytes.size()) + " bytes, the parameter " +
                         std::to_string(parameter.bytes));
      memcpy(at, bytes.data(), bytes.size());
      break;
    }
    }
  }
}

Array BoundArguments::output(size_t index) const {
  Array array = arguments[index].array;
  memcpy(array.bytes.data(), reinterpret_cast<const void *>(addresses[index]), array.bytes.size());
  return array;
}

namespace {

/// The values of a tensor map's file; every error names the key and what is expected.
class MapFile {
public:
  MapFile(const std::string &where, const std::string &path) : where(where) {
    try {
      json = nlohmann::json::parse(readArgumentFile(where, path, kMostMapBytes));
    } catch (const nlohmann::json::exception &error) {
      // Without the library's "[json.exception.parse_error.101] ".
      const std::string text = error.what();
      const size_t end = text.find("] ");
      throw UsageError(where + "is no JSON: " + (end == std::string::npos ? text : text.substr(end + 2)));
    }
    if (!json.is_object())
      throw UsageError(where + "expected an object with \"argument\" and \"box\", got " + shown(json));
    for (const auto &[key, value] : json.items())
      if (std::find(std::begin(known), std::end(known), key) == std::end(known))
        throw UsageError(where + "unknown key '" + key + "'");
  }
  bool contains(const char *key) const { return json.contains(key); }
  template <class T> T number(const char *key) const { return numberIn<T>(key, at(key), "an integer"); }
  template <class T> T number(const char *key, T otherwise) const {
    return json.contains(key) ? number<T>(key) : otherwise;
  }
  template <class T> std::vector<T> list(const char *key) const {
    const nlohmann::json &value = at(key);
    if (!value.is_array())
      refuse(key, "a list of integers", value);
    std::vector<T> numbers;
    for (const nlohmann::json &each : value)
      numbers.push_back(numberIn<T>(key, each, "a list of integers"));
    return numbers;
  }
  template <class T> std::vector<T> list(const char *key, std::vector<T> otherwise) const {
    return json.contains(key) ? list<T>(key) : otherwise;
  }
  std::string word(const char *key, const std::string &otherwise) const {
    if (!json.contains(key))
      return otherwise;
    if (!json[key].is_string())
      refuse(key, "a string", json[key]);
    return json[key].get<std::string>();
  }

private:
  static constexpr uint64_t kMostMapBytes = 1 << 20;
  static constexpr const char *known[] = {
      "argument",          "box",        "sizes", "strides",      "element_strides", "type",
      "swizzle",           "interleave", "fill",  "lower_corner", "upper_corner",    "channels_per_pixel",
      "pixels_per_column", "offset"};

  static std::string shown(const nlohmann::json &value) {
    const std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    return text.size() <= 60 ? text : text.substr(0, 60) + "...";
  }
  [[noreturn]] void refuse(const char *key, const std::string &expected, const nlohmann::json &value) const {
    throw UsageError(where + "\"" + key + "\": expected " + expected + ", got " + shown(value));
  }
  const nlohmann::json &at(const char *key) const {
    if (!json.contains(key))
      throw UsageError(where + "\"" + key + "\" is missing");
    return json[key];
  }
  template <class T> T numberIn(const char *key, const nlohmann::json &value, const char *expected) const {
    constexpr T low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
    const bool fits = value.is_number_unsigned()   ? value.get<uint64_t>() <= uint64_t(high)
                      : value.is_number_integer() ? low < 0 && value.get<int64_t>() >= int64_t(low)
                                                  : false;
    if (!fits)
      refuse(key, std::string(expected) + " from " + std::to_string(low) + " to " + std::to_string(high), value);
    return value.get<T>();
  }

  const std::string &where;
  nlohmann::json json;
};

} // namespace

/// {"argument": 0, "box": [64, 128], "swizzle": "128B", ...}: sizes, strides and type are the array's unless given; all
/// lists begin with the innermost dimension, as the driver API's do.
void BoundArguments::encodeMap(const Argument &argument, uint8_t *out, const std::vector<Argument> &arguments) {
  const std::string where = "--arg " + argument.text + ": ";
  TensorMap map;
  const MapFile file(where, argument.path);
  const size_t index = file.number<size_t>("argument");
  if (index >= arguments.size() || arguments[index].kind != Argument::Kind::Array)
    throw UsageError(where + "\"argument\": " + std::to_string(index) + " is no array argument");
  const Array &array = arguments[index].array;
  map.base = addresses[index] + file.number<uint64_t>("offset", 0);
  auto choose = [&](const char *key, const std::string &value, std::initializer_list<const char *> names) {
    unsigned position = 0;
    std::string all;
    for (const char *name : names) {
      if (value == name)
        return position;
      all += (position++ ? ", " : "") + std::string(name);
    }
    throw UsageError(where + "\"" + key + "\": '" + value + "' is none of " + all);
  };
  std::string type = file.word("type", array.type);
  if (type == "b8" || type == "s8" || type == "e4m3" || type == "e5m2")
    type = "u8"; // copied bit by bit
  if (type == "b16" || type == "s16")
    type = "u16";
  if (type == "b32")
    type = "u32";
  map.type = TensorType(
      choose("type", type,
             {"u8", "u16", "u32", "s32", "u64", "s64", "f16", "f32", "f64", "bf16", "f32.ftz", "tf32", "tf32.ftz"}));
  std::vector<uint64_t> sizes(array.shape.rbegin(), array.shape.rend());
  sizes = file.list("sizes", sizes);
  map.rank = uint32_t(sizes.size());
  if (map.rank < 1 || map.rank > 5)
    throw UsageError(where + "a tensor has 1 to 5 dimensions, this one " + std::to_string(map.rank));
  std::copy(sizes.begin(), sizes.end(), map.sizes.begin());
  std::vector<uint64_t> strides;
  uint64_t bytes = elementBits(map.type) / 8;
  for (uint32_t dimension = 0; dimension + 1 < map.rank; ++dimension)
    strides.push_back(bytes *= sizes[dimension]);
  strides = file.list("strides", strides);
  auto copyList = [&](const char *key, const auto &list, auto &into, size_t expected) {
    if (list.size() != expected)
      throw UsageError(where + "\"" + key + "\" has " + std::to_string(list.size()) + " numbers, expected " +
                       std::to_string(expected));
    std::copy(list.begin(), list.end(), into.begin());
  };
  copyList("strides", strides, map.strides, map.rank - 1);
  copyList("element_strides", file.list("element_strides", std::vector<uint32_t>(map.rank, 1)), map.elementStrides,
           map.rank);
  map.swizzle = TensorSwizzle(choose("swizzle", file.word("swizzle", "none"), {"none", "32B", "64B", "128B"}));
  map.interleave = TensorInterleave(choose("interleave", file.word("interleave", "none"), {"none", "16B", "32B"}));
  map.fill = TensorFill(choose("fill", file.word("fill", "zeros"), {"zeros", "nan"}));
  map.im2col = file.contains("pixels_per_column");
  if (map.im2col) {
    const size_t spatial = map.rank > 2 ? map.rank - 2 : 0;
    copyList("lower_corner", file.list<int32_t>("lower_corner"), map.lowerCorner, spatial);
    copyList("upper_corner", file.list<int32_t>("upper_corner"), map.upperCorner, spatial);
    map.channelsPerPixel = file.number<uint32_t>("channels_per_pixel");
    map.pixelsPerColumn = file.number<uint32_t>("pixels_per_column");
  } else {
    copyList("box", file.list<uint32_t>("box"), map.box, map.rank);
  }
  std::string error;
  uint8_t encoded[kTensorMapBytes];
  if (!encode(encoded, map, error))
    throw UsageError(where + error);
  memcpy(out, encoded, sizeof encoded);
}

} // namespace ptxsim
