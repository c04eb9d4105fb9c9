#include "runtime/session.h"

#include "runtime/env.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <unordered_map>

namespace motley::runtime {

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const Artifact> artifact, int threads) {
  return guarded([&]() -> Result<std::unique_ptr<Session>> {
    if (!artifact)
      return Status::error(Code::InvalidArgument, "a session needs an artefact, got none");
    std::unique_ptr<Session> session(new Session);
    session->theArtifact = artifact;
    const Manifest &manifest = artifact->manifest();
    MOTLEY_ASSIGN(session->checkNan, env::flag(env::checkNan));
    MOTLEY_ASSIGN(session->poison, env::flag(env::poison));
    MOTLEY_ASSIGN(session->theState, State::create(manifest));
    int64_t arenaBytes = 0;
    for (const FunctionDesc &function : manifest.functions) {
      arenaBytes = std::max(arenaBytes, function.arenaBytes);
      session->bindings.emplace_back();
      for (const BufferDesc &buffer : function.buffers) {
        bool isOwn = buffer.kind == BufferKind::Field || buffer.kind == BufferKind::Output;
        Buffer memory;
        if (isOwn) {
          int64_t bytes = *elementCount(buffer.shape) * dtypeBytes(buffer.dtype);
          MOTLEY_ASSIGN(memory, Buffer::allocate(bytes, "'" + buffer.name + "' of function '" + function.name + "'"));
        }
        session->bindings.back().push_back(std::move(memory));
      }
    }
    MOTLEY_ASSIGN(session->arena, Buffer::allocate(arenaBytes, "the arena"));
    MOTLEY_ASSIGN(session->theLauncher, Launcher::create(artifact, threads));
    return session;
  });
}

Status Session::checkRange(const BufferDesc &buffer, const int32_t *values, int64_t live) const {
  int64_t low = 0, high = 0;
  if (buffer.name == "token" || buffer.name == "target") {
    low = buffer.name == "target" ? -1 : 0;
    high = manifest().vocabulary();
  } else if (buffer.name == "modality") {
    high = int64_t(manifest().modalities.size());
  } else if (buffer.name == "document") {
    high = buffer.shape[0]; // a document has a row at least
  } else {
    return Status::ok();
  }
  for (int64_t row = 0; row < live; ++row)
    if (values[row] < low || values[row] >= high)
      return Status::error(Code::InvalidArgument, "field '" + buffer.name + "' is " + std::to_string(values[row]) +
                                                      " in row " + std::to_string(row) + ", expected " +
                                                      std::to_string(low) + " to " + std::to_string(high - 1));
  return Status::ok();
}

/// Attention skips blocks of keys by `order`, so rows of one document must come in ascending order. `documents` may be
/// null: all rows are one document.
static Status checkOrder(const int32_t *order, const int32_t *documents, int64_t live) {
  std::unordered_map<int32_t, int32_t> last; // document -> order of its last row so far
  for (int64_t row = 0; row < live; ++row) {
    int32_t document = documents ? documents[row] : 0;
    auto [entry, isFirst] = last.try_emplace(document, order[row]);
    if (!isFirst && order[row] < entry->second)
      return Status::error(Code::InvalidArgument, "field 'order' falls from " + std::to_string(entry->second) + " to " +
                                                      std::to_string(order[row]) + " in row " + std::to_string(row) +
                                                      "; rows of a document must come in ascending order");
    entry->second = order[row];
  }
  return Status::ok();
}

Status Session::bindField(const BufferDesc &buffer, const std::vector<FieldArgument> &fields, int64_t live,
                          void *out) const {
  auto field = std::find_if(fields.begin(), fields.end(),
                            [&](const FieldArgument &candidate) { return candidate.name == buffer.name; });
  auto invalid = [&](const std::string &what) {
    return Status::error(Code::InvalidArgument, "field '" + buffer.name + "' " + what);
  };
  if (field == fields.end())
    return invalid("is missing");
  if (field->dtype != buffer.dtype)
    return invalid(std::string("has dtype ") + dtypeName(field->dtype) + ", expected " + dtypeName(buffer.dtype));
  if (field->rows < live)
    return invalid("has " + std::to_string(field->rows) + " rows, fewer than the " + std::to_string(live) +
                   " live ones");
  if (live && !field->data)
    return invalid("has no data");
  int64_t elementBytes = dtypeBytes(buffer.dtype);
  if (buffer.dtype == DType::I32)
    MOTLEY_RETURN_IF_ERROR(checkRange(buffer, static_cast<const int32_t *>(field->data), live));
  if (buffer.name == "order") {
    auto document =
        std::find_if(fields.begin(), fields.end(), [](const FieldArgument &one) { return one.name == "document"; });
    bool hasDocuments = document != fields.end() && document->dtype == DType::I32 && document->rows >= live;
    MOTLEY_RETURN_IF_ERROR(checkOrder(static_cast<const int32_t *>(field->data),
                                      hasDocuments ? static_cast<const int32_t *>(document->data) : nullptr, live));
  }
  if (live)
    std::memcpy(out, field->data, size_t(live * elementBytes));
  std::memset(static_cast<char *>(out) + live * elementBytes, poison ? 0xff : 0,
              size_t((buffer.shape[0] - live) * elementBytes));
  return Status::ok();
}

static Result<int64_t> scalarBits(const ScalarDesc &scalar, const std::variant<int64_t, double> &value) {
  int64_t bits = 0;
  if (isFloat(scalar.dtype)) {
    double real = std::holds_alternative<double>(value) ? std::get<double>(value) : double(std::get<int64_t>(value));
    if (scalar.dtype == DType::F64) {
      std::memcpy(&bits, &real, sizeof(real));
      return bits;
    }
    float narrow = float(real);
    std::memcpy(&bits, &narrow, sizeof(narrow));
    return bits;
  }
  if (!std::holds_alternative<int64_t>(value))
    return Status::error(Code::InvalidArgument, "scalar '" + scalar.name + "' is of type " + dtypeName(scalar.dtype) +
                                                    ", got a floating-point value");
  bits = std::get<int64_t>(value);
  bool fits = scalar.dtype == DType::I64 || (scalar.dtype == DType::I32 && bits == int32_t(bits)) ||
              (scalar.dtype == DType::I1 && (bits == 0 || bits == 1));
  if (!fits)
    return Status::error(Code::InvalidArgument, "scalar '" + scalar.name + "' is " + std::to_string(bits) +
                                                    ", which does not fit " + dtypeName(scalar.dtype));
  return bits;
}

Status Session::bindScalars(const FunctionDesc &function, int64_t live, const Scalars &scalars,
                            std::vector<int64_t> &out) const {
  size_t used = 0;
  for (const ScalarDesc &scalar : function.scalars) {
    if (scalar.name == "live") {
      out.push_back(live);
      continue;
    }
    auto given = scalars.find(scalar.name);
    if (given == scalars.end())
      return Status::error(Code::InvalidArgument,
                           std::string("scalar '") + scalar.name + "' (" + dtypeName(scalar.dtype) + ") is missing");
    MOTLEY_ASSIGN(int64_t bits, scalarBits(scalar, given->second));
    out.push_back(bits);
    ++used;
  }
  if (used == scalars.size())
    return Status::ok();
  for (const auto &[name, value] : scalars) {
    auto known = std::find_if(function.scalars.begin(), function.scalars.end(),
                              [&, &name = name](const ScalarDesc &scalar) { return scalar.name == name; });
    if (known == function.scalars.end() || name == "live")
      return Status::error(Code::InvalidArgument, "scalar '" + name + "' is not an argument");
  }
  return Status::ok();
}

static Output readOutput(const BufferDesc &buffer, const void *data) {
  Output output{buffer.name, buffer.dtype, buffer.shape, std::vector<double>(size_t(*elementCount(buffer.shape)))};
  for (size_t i = 0; i < output.values.size(); ++i) {
    if (buffer.dtype == DType::F64)
      output.values[i] = static_cast<const double *>(data)[i];
    else if (buffer.dtype == DType::F32)
      output.values[i] = static_cast<const float *>(data)[i];
    else
      output.values[i] = static_cast<const int32_t *>(data)[i];
  }
  return output;
}

Result<std::vector<Output>> Session::run(const std::string &name, const std::vector<FieldArgument> &fields,
                                         int64_t live, const Scalars &scalars) {
  auto execute = [&]() -> Result<std::vector<Output>> {
    int index = manifest().findFunction(name);
    if (index < 0)
      return Status::error(Code::NotFound, "the module has no function of this name");
    const FunctionDesc &function = manifest().functions[index];
    if (live < 0 || live > function.rows)
      return Status::error(Code::InvalidArgument, "number of live rows is " + std::to_string(live) +
                                                      ", expected 0 to " + std::to_string(function.rows));
    std::vector<int64_t> bits;
    MOTLEY_RETURN_IF_ERROR(bindScalars(function, live, scalars, bits));
    std::vector<void *> buffers;
    for (size_t i = 0; i < function.buffers.size(); ++i) {
      const BufferDesc &buffer = function.buffers[i];
      void *own = bindings[index][i].data();
      if (buffer.kind == BufferKind::Field)
        MOTLEY_RETURN_IF_ERROR(bindField(buffer, fields, live, own));
      if (buffer.kind == BufferKind::Arena)
        own = arena.data();
      if (buffer.kind == BufferKind::State) {
        int bank = manifest().findBank(buffer.name);
        own = theState.buffer(bank, buffer.slot);
        if (averaged && buffer.slot == slotParam)
          if (void *average = theState.buffer(bank, slotEma))
            own = average;
      }
      buffers.push_back(own);
    }
    if (poison)
      std::memset(arena.data(), 0xff, size_t(arena.bytes()));
    MOTLEY_RETURN_IF_ERROR(theLauncher->call(index, buffers.data(), bits.data()));

    std::vector<Output> outputs;
    for (size_t i = 0; i < function.buffers.size(); ++i)
      if (function.buffers[i].kind == BufferKind::Output)
        outputs.push_back(readOutput(function.buffers[i], buffers[i]));
    if (checkNan) {
      for (const Output &output : outputs)
        for (double value : output.values)
          if (!std::isfinite(value))
            return Status::error(Code::Diverged, "output '" + output.name + "' holds a value that is not finite");
      std::string where = theState.findNonFinite();
      if (!where.empty())
        return Status::error(Code::Diverged, "variable " + where + " holds a value that is not finite");
    }
    return outputs;
  };
  Result<std::vector<Output>> result = guarded(execute);
  if (result)
    return result;
  return Status(result.status()).withPrefix("call of '" + name + "'");
}

Result<std::vector<Output>> Session::run(const std::string &function, const Microbatch &rows, const Scalars &scalars) {
  return guarded([&] { return run(function, rows.fields(), rows.live, scalars); });
}

Result<std::vector<Output>> Session::run(const std::string &function, const Scalars &scalars) {
  return guarded([&] { return run(function, std::vector<FieldArgument>(), 0, scalars); });
}

Status Session::initialise(uint64_t seed) {
  Result<std::vector<Output>> done = run("init", {{"seed", int64_t(seed)}});
  if (!done)
    return done.status();
  theState.startAverages();
  return Status::ok();
}

int64_t Session::memoryBytes() const {
  int64_t total = theState.totalBytes() + arena.bytes();
  for (const std::vector<Buffer> &function : bindings)
    for (const Buffer &buffer : function)
      total += buffer.bytes();
  return total;
}

} // namespace motley::runtime
