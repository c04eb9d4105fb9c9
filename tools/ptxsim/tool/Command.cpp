#include "tool/Command.h"

#include "engine/Memory.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include "tool/ReadFile.h"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace ptxsim {
namespace {

std::string readText(const std::string &path) { return readFile(path, kMostText); }

/// INDEX:FILE.npy[,abs=X][,rel=X]
Expectation parseExpectation(const std::string &text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || text.find_first_not_of("0123456789") != colon)
    throw UsageError("--expect '" + text + "': expected INDEX:FILE.npy[,abs=X][,rel=X], INDEX counting --arg from 0");
  Expectation expectation;
  expectation.index = std::stoull(text.substr(0, colon));
  std::stringstream pieces(text.substr(colon + 1));
  std::string piece;
  std::getline(pieces, piece, ',');
  expectation.array = readNpy(piece);
  while (std::getline(pieces, piece, ',')) {
    double *where = piece.rfind("abs=", 0) == 0   ? &expectation.absolute
                    : piece.rfind("rel=", 0) == 0 ? &expectation.relative
                                                  : nullptr;
    char *end = nullptr;
    if (where)
      *where = strtod(piece.c_str() + 4, &end);
    if (!where || end == piece.c_str() + 4 || *end)
      throw UsageError("--expect '" + text + "': '" + piece + "' is neither abs=X nor rel=X");
    if (!std::isfinite(*where) || *where < 0)
      throw UsageError("--expect '" + text + "': '" + piece + "' is no tolerance, expected a finite number, 0 or more");
  }
  return expectation;
}

float halfToFloat(uint16_t bits) {
  _Float16 value;
  memcpy(&value, &bits, 2);
  return float(value);
}

/// An 8-bit float with `mantissa` bits; e4m3 has one NaN and no infinity, e5m2 is like binary16 cut short.
double float8(uint8_t bits, unsigned mantissa) {
  const unsigned exponentBits = 7 - mantissa, bias = (1u << (exponentBits - 1)) - 1;
  const unsigned exponent = bits >> mantissa & ((1u << exponentBits) - 1), fraction = bits & ((1u << mantissa) - 1);
  const double sign = bits & 0x80 ? -1 : 1;
  if (mantissa == 3 && (bits & 0x7f) == 0x7f)
    return NAN;
  if (mantissa == 2 && exponent == 31)
    return fraction ? NAN : sign * INFINITY;
  if (exponent == 0)
    return sign * std::ldexp(fraction, 1 - int(bias) - int(mantissa));
  return sign * std::ldexp(fraction + (1u << mantissa), int(exponent) - int(bias) - int(mantissa));
}

double element(const Array &array, size_t k) {
  const uint8_t *at = array.bytes.data() + k * elementBytes(array.type);
  const std::string &type = array.type;
  auto as = [&](auto value) {
    memcpy(&value, at, sizeof value);
    return double(value);
  };
  if (type == "f32" || type == "tf32")
    return as(float());
  if (type == "f64")
    return as(double());
  if (type == "f16")
    return halfToFloat(uint16_t(at[0] | at[1] << 8));
  if (type == "bf16") {
    const uint32_t bits = uint32_t(at[0] | at[1] << 8) << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
  }
  if (type == "e4m3" || type == "e5m2")
    return float8(*at, type == "e4m3" ? 3 : 2);
  switch (elementBytes(type)) {
  case 1:
    return type[0] == 's' ? as(int8_t()) : as(uint8_t());
  case 2:
    return type[0] == 's' ? as(int16_t()) : as(uint16_t());
  case 4:
    return type[0] == 's' ? as(int32_t()) : as(uint32_t());
  default:
    return type[0] == 's' ? as(int64_t()) : as(uint64_t());
  }
}

std::string shapeText(const std::vector<uint64_t> &shape) {
  std::string text;
  for (uint64_t size : shape)
    text += (text.empty() ? "" : ",") + std::to_string(size);
  return "[" + text + "]";
}

/// The same shape, or the same elements where one of them is a flat list.
bool comparable(const Array &output, const Array &expected) {
  if (output.shape == expected.shape)
    return true;
  return (output.shape.size() == 1 || expected.shape.size() == 1) && output.elements() == expected.elements();
}

std::string compare(const Expectation &expectation, const Array &output) {
  char text[256];
  size_t wrong = 0, worst = 0;
  double worstExcess = -1;
  for (size_t k = 0; k < output.elements(); ++k) {
    const double got = element(output, k), want = element(expectation.array, k);
    if (got == want || (std::isnan(got) && std::isnan(want)))
      continue;
    const double difference = std::fabs(got - want),
                 bound = expectation.absolute + expectation.relative * std::fabs(want);
    // Written so that a NaN is a difference.
    if (difference <= bound)
      continue;
    const double excess = std::isnan(difference) ? INFINITY : difference - bound;
    if (excess > worstExcess)
      worstExcess = excess, worst = k;
    ++wrong;
  }
  if (!wrong)
    return "";
  snprintf(text, sizeof text,
           "argument %zu: %zu of %llu elements differ from what is expected, most [%zu]: got %.9g, expected %.9g",
           expectation.index, wrong, (unsigned long long)output.elements(), worst, element(output, worst),
           element(expectation.array, worst));
  return text;
}

/// Elements of the output that nothing has written; a kernel may leave them on purpose.
void noteUnwritten(const Memory &memory, uint64_t address, size_t index, Outcome &outcome) {
  const Array &array = outcome.outputs.back().second;
  uint64_t first = 0;
  const uint64_t count = memory.countUnwritten(address, array.elements(), elementBytes(array.type), first);
  if (!count)
    return;
  std::string place; // the index in every dimension
  for (size_t dimension = array.shape.size(); dimension-- > 0; first /= array.shape[dimension])
    place = std::to_string(first % array.shape[dimension]) + (place.empty() ? "" : ",") + place;
  outcome.notes.push_back("note: output " + std::to_string(index) + ": " + std::to_string(count) + " of " +
                          std::to_string(array.elements()) + " elements were never written, first [" + place + "]");
}

} // namespace

void prepare(Request &request) {
  request.text = readText(request.file);
  for (const std::string &text : request.argumentTexts)
    request.arguments.push_back(parseArgument(text));
  for (const std::string &text : request.bufferTexts) {
    request.arguments.push_back(parseArgument(text));
    if (request.arguments.back().kind != Argument::Kind::Array)
      throw UsageError("--buffer " + text + ": expected an array: a .npy file, inout:, out: or zero:");
  }
  for (const std::string &text : request.expectationTexts) {
    Expectation expectation = parseExpectation(text);
    if (expectation.index >= request.arguments.size() || !request.arguments[expectation.index].isOutput)
      throw UsageError("--expect " + text + ": argument " + std::to_string(expectation.index) +
                       " is no output; mark it out:, inout: or zero:");
    const Array &output = request.arguments[expectation.index].array;
    if (!comparable(output, expectation.array))
      throw UsageError("--expect " + text + ": argument " + std::to_string(expectation.index) + " has the shape " +
                       shapeText(output.shape) + ", the expected array " + shapeText(expectation.array.shape));
    request.expectations.push_back(std::move(expectation));
  }
  // The PTX says which chip it is for; anything below sm_90 runs as sm_80.
  const std::string target = ptx::parse(request.text, request.file)->target;
  if (request.architecture.empty())
    request.architecture = target.rfind("sm_9", 0) == 0 ? "sm_90a" : "sm_80";
}

Outcome runOnce(const Request &request, CheckSet checks, bool random, uint64_t seed, Statistics *statistics) {
  Device device(architecture(request.architecture));
  Options options;
  options.checks = checks;
  options.randomSchedule = random;
  options.seed = seed;
  options.workers = request.workers;
  options.timeLimit = std::chrono::seconds(request.timeLimitSeconds);
  options.statistics = statistics;
  if (checks.has(Check::Poison))
    device.memory().enableShadow();

  std::shared_ptr<Program> program = device.load(request.text, request.file);
  Kernel kernel;
  if (!request.kernel.empty()) {
    kernel = program->kernel(request.kernel);
  }
  std::string names;
  unsigned entries = 0;
  for (const auto &function : program->module().functions)
    if (function->isEntry && function->hasBody) {
      names += (names.empty() ? "" : ", ") + function->name;
      if (request.kernel.empty())
        kernel = program->kernel(function->name);
      ++entries;
    }
  if (!entries)
    throw UsageError(request.file + ": has no kernel (.entry)");
  if (request.kernel.empty() && entries > 1)
    throw UsageError(request.file + ": has " + std::to_string(entries) +
                     " kernels; choose one with --kernel: " + names);
  if (!kernel.function)
    throw UsageError(request.file + ": has no kernel '" + request.kernel + "'; it has " + names);

  BoundArguments bound(device, *kernel.function, request.arguments, request.argumentTexts.size());
  LaunchConfig config;
  config.grid = request.grid;
  config.block = request.block;
  config.cluster = request.cluster;
  config.dynamicShared = request.dynamicShared;
  config.cooperative = request.cooperative;

  Outcome outcome;
  outcome.launch = device.launch(kernel, config, bound.parameters(), options);
  for (size_t k = 0; k < request.arguments.size(); ++k)
    if (request.arguments[k].isOutput) {
      outcome.outputs.emplace_back(k, bound.output(k));
      if (!checks.has(Check::Poison) || !outcome.launch.completed)
        continue;
      const uint64_t bytes = outcome.outputs.back().second.bytes.size();
      const uint64_t at = device.memory().firstUndefined(bound.address(k), bytes);
      if (at < bytes)
        outcome.mismatches.push_back("error[poison]: output " + std::to_string(k) +
                                     " holds undefined bits that the kernel stored, first at byte " +
                                     std::to_string(at));
      if (!request.arguments[k].isInput)
        noteUnwritten(device.memory(), bound.address(k), k, outcome);
    }
  if (outcome.launch.completed)
    for (const Expectation &expectation : request.expectations)
      for (const auto &[index, array] : outcome.outputs)
        if (index == expectation.index) {
          std::string difference = compare(expectation, array);
          if (!difference.empty())
            outcome.mismatches.push_back("error[value]: " + difference);
        }
  return outcome;
}

void report(const Outcome &outcome) {
  for (const Finding &finding : outcome.launch.findings)
    fprintf(stderr, "%s\n", format(finding).c_str());
  if (outcome.launch.suppressed)
    fprintf(stderr, "and %llu more, repetitions of these or beyond the limit\n",
            (unsigned long long)outcome.launch.suppressed);
  for (const std::string &mismatch : outcome.mismatches)
    fprintf(stderr, "%s\n", mismatch.c_str());
  for (const std::string &note : outcome.notes)
    fprintf(stderr, "%s\n", note.c_str());
}

void writeOutputs(const Request &request, const Outcome &outcome) {
  if (request.outputFolder.empty())
    return;
  std::filesystem::create_directories(request.outputFolder);
  for (const auto &[index, array] : outcome.outputs)
    writeNpy((std::filesystem::path(request.outputFolder) / ("arg" + std::to_string(index) + ".npy")).string(), array);
}

} // namespace ptxsim
