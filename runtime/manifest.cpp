#include "runtime/manifest.h"

#include "runtime/abi.h"
#include "runtime/json_cursor.h"
#include "runtime/microbatch.h"

#include <algorithm>
#include <map>
#include <set>

namespace motley::runtime {

int64_t Manifest::vocabulary() const {
  int64_t end = 0;
  for (const Modality &modality : modalities)
    end = std::max(end, modality.end);
  return end;
}

size_t Manifest::phaseOf(int64_t step) const {
  size_t phase = 0;
  while (phase + 1 < phases.size() && step > phases[phase].until)
    ++phase;
  return phase;
}

int Manifest::findFunction(const std::string &name) const {
  for (size_t i = 0; i < functions.size(); ++i)
    if (functions[i].name == name)
      return int(i);
  return -1;
}

int Manifest::findBank(const std::string &name) const {
  for (size_t i = 0; i < state.size(); ++i)
    if (state[i].name == name)
      return int(i);
  return -1;
}

namespace {

Status readDType(const JsonCursor &object, DType &out) {
  MOTLEY_ASSIGN(JsonCursor at, object.at("dtype"));
  MOTLEY_ASSIGN(std::string name, at.string());
  std::optional<DType> dtype = dtypeFromName(name);
  if (!dtype)
    return at.error("is '" + name + "', expected i1, i8, i32, i64, bf16, f16, f32 or f64");
  out = *dtype;
  return Status::ok();
}

Status readShape(const JsonCursor &object, Shape &out) {
  MOTLEY_ASSIGN(JsonCursor at, object.at("shape"));
  MOTLEY_ASSIGN(out, at.integers());
  std::optional<int64_t> count = elementCount(out);
  if (!count || *count > (int64_t(1) << 48))
    return at.error("is " + shapeText(out) + ", which is negative or too large");
  return Status::ok();
}

Status readNonNegative(const JsonCursor &object, const char *key, int64_t &out) {
  MOTLEY_RETURN_IF_ERROR(readKey(object, key, out));
  if (out < 0)
    return object.at(key)->error("is " + std::to_string(out) + ", expected at least 0");
  return Status::ok();
}

Status readModalities(const JsonCursor &root, Manifest &out) {
  MOTLEY_ASSIGN(JsonCursor list, root.at("modalities"));
  MOTLEY_ASSIGN(auto entries, list.elements());
  for (const JsonCursor &entry : entries) {
    Modality modality;
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "name", modality.name));
    MOTLEY_RETURN_IF_ERROR(readNonNegative(entry, "begin", modality.begin));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "end", modality.end));
    if (modality.end < modality.begin || modality.end > INT32_MAX)
      return entry.error("has the ids [" + std::to_string(modality.begin) + ", " + std::to_string(modality.end) +
                         "), which is not a range of 32-bit ids");
    for (const Modality &other : out.modalities)
      if (modality.begin < other.end && other.begin < modality.end)
        return entry.error("overlaps the ids of modality '" + other.name + "'");
    out.modalities.push_back(modality);
  }
  if (out.modalities.empty())
    return list.error("is empty, expected at least one modality");
  return Status::ok();
}

// Columns of a matrix member, in whole panels; it may be narrower than the bank both ways.
int64_t panelsOf(const BankMember &member) { return (member.shape[1] + panelColumns - 1) / panelColumns; }

Status checkMember(const JsonCursor &at, const StateBank &bank, const BankMember &member) {
  std::string shapes = "shape " + shapeText(member.shape) + " in a bank of shape " + shapeText(bank.shape);
  if (member.member < 0 || (!member.table && member.member >= bank.shape[0]))
    return at.error("is member " + std::to_string(member.member) + " of a bank of shape " + shapeText(bank.shape));
  if (member.table) {
    if (member.shape != bank.shape || bank.shape.size() != 2 || member.member != 0)
      return at.error("is a table of " + shapes + "; a table fills its bank");
    return Status::ok();
  }
  if (bank.shape.size() == 2) {
    if (member.shape.size() != 1 || member.shape[0] > bank.shape[1])
      return at.error("has " + shapes + ", expected a vector of at most " + std::to_string(bank.shape[1]));
    return Status::ok();
  }
  if (member.shape.size() != 2 || member.panel < 0 || member.shape[0] > bank.shape[2] ||
      member.panel > bank.shape[1] - panelsOf(member))
    return at.error("has " + shapes + " from panel " + std::to_string(member.panel) + ", which does not fit");
  return Status::ok();
}

Status checkOverlap(const JsonCursor &at, const StateBank &bank) {
  std::map<std::pair<int64_t, int64_t>, const std::string *> owners; // (member, panel)
  for (const BankMember &member : bank.members) {
    int64_t panels = bank.shape.size() == 4 ? panelsOf(member) : 1;
    for (int64_t panel = 0; panel < panels; ++panel) {
      auto [owner, isNew] = owners.try_emplace({member.member, member.panel + panel}, &member.variable);
      if (!isNew)
        return at.error("gives variables '" + *owner->second + "' and '" + member.variable + "' the same place");
    }
  }
  return Status::ok();
}

Status readBank(const JsonCursor &at, StateBank &bank) {
  MOTLEY_RETURN_IF_ERROR(readKey(at, "bank", bank.name));
  MOTLEY_RETURN_IF_ERROR(readKey(at, "slots", bank.slots));
  MOTLEY_RETURN_IF_ERROR(readDType(at, bank.dtype));
  MOTLEY_RETURN_IF_ERROR(readShape(at, bank.shape));
  if (bank.dtype != DType::F32 && bank.dtype != DType::BF16)
    return at.error(std::string("has dtype ") + dtypeName(bank.dtype) + ", expected f32 or bf16");
  if (std::set<std::string>(bank.slots.begin(), bank.slots.end()).size() != bank.slots.size())
    return at.error("names a slot twice");
  if (bank.shape.size() != 2 && (bank.shape.size() != 4 || bank.shape[3] != panelColumns))
    return at.error("has shape " + shapeText(bank.shape) + ", expected [M, D], [V, D] or [M, P, K, 32]");
  MOTLEY_ASSIGN(JsonCursor list, at.at("members"));
  MOTLEY_ASSIGN(auto entries, list.elements());
  for (const JsonCursor &entry : entries) {
    BankMember member;
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "variable", member.variable));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "member", member.member));
    if (entry.has("panel"))
      MOTLEY_RETURN_IF_ERROR(readKey(entry, "panel", member.panel));
    if (entry.has("table")) {
      MOTLEY_ASSIGN(member.table, entry.at("table")->boolean());
    }
    MOTLEY_RETURN_IF_ERROR(readShape(entry, member.shape));
    MOTLEY_RETURN_IF_ERROR(checkMember(entry, bank, member));
    bank.members.push_back(member);
  }
  return checkOverlap(at, bank);
}

Status readState(const JsonCursor &root, Manifest &out) {
  MOTLEY_ASSIGN(JsonCursor list, root.at("state"));
  MOTLEY_ASSIGN(auto entries, list.elements());
  std::set<std::string> variables;
  for (const JsonCursor &entry : entries) {
    StateBank bank;
    MOTLEY_RETURN_IF_ERROR(readBank(entry, bank));
    if (out.findBank(bank.name) >= 0)
      return entry.error("repeats the bank '" + bank.name + "'");
    for (const BankMember &member : bank.members)
      if (!variables.insert(member.variable).second)
        return entry.error("repeats the variable '" + member.variable + "'");
    out.state.push_back(bank);
  }
  return Status::ok();
}

Status readFieldBuffer(const JsonCursor &at, BufferDesc &buffer) {
  MOTLEY_RETURN_IF_ERROR(readKey(at, "field", buffer.name));
  MOTLEY_RETURN_IF_ERROR(readDType(at, buffer.dtype));
  MOTLEY_RETURN_IF_ERROR(readShape(at, buffer.shape));
  for (const FieldKind &kind : fieldKinds) {
    if (buffer.name != kind.name)
      continue;
    if (buffer.dtype != kind.dtype || buffer.shape.size() != 1)
      return at.error("declares field '" + buffer.name + "' as " + dtypeName(buffer.dtype) + shapeText(buffer.shape) +
                      ", expected " + dtypeName(kind.dtype) + "[rows]");
    return Status::ok();
  }
  return at.error("names the field '" + buffer.name + "', which this runtime does not know", Code::Incompatible);
}

Status readBuffer(const JsonCursor &at, const Manifest &manifest, BufferDesc &buffer) {
  std::string kind;
  MOTLEY_RETURN_IF_ERROR(readKey(at, "kind", kind));
  if (kind == "arena") {
    buffer.kind = BufferKind::Arena;
    return Status::ok();
  }
  if (kind == "field") {
    buffer.kind = BufferKind::Field;
    return readFieldBuffer(at, buffer);
  }
  if (kind == "state") {
    buffer.kind = BufferKind::State;
    MOTLEY_RETURN_IF_ERROR(readKey(at, "bank", buffer.name));
    MOTLEY_RETURN_IF_ERROR(readKey(at, "slot", buffer.slot));
    int bank = manifest.findBank(buffer.name);
    if (bank < 0)
      return at.error("names the bank '" + buffer.name + "', which is not in 'state'");
    const std::vector<std::string> &slots = manifest.state[bank].slots;
    if (std::find(slots.begin(), slots.end(), buffer.slot) == slots.end())
      return at.error("names the slot '" + buffer.slot + "', which bank '" + buffer.name + "' does not have");
    return Status::ok();
  }
  if (kind == "output") {
    buffer.kind = BufferKind::Output;
    MOTLEY_RETURN_IF_ERROR(readKey(at, "name", buffer.name));
    MOTLEY_RETURN_IF_ERROR(readDType(at, buffer.dtype));
    if (buffer.dtype != DType::F32 && buffer.dtype != DType::F64 && buffer.dtype != DType::I32)
      return at.error(std::string("has dtype ") + dtypeName(buffer.dtype) + ", expected f32, f64 or i32");
    return readShape(at, buffer.shape);
  }
  return at.error("has kind '" + kind + "', expected arena, field, state or output");
}

Status readFunction(const JsonCursor &at, const Manifest &manifest, FunctionDesc &function) {
  MOTLEY_RETURN_IF_ERROR(readKey(at, "name", function.name));
  MOTLEY_RETURN_IF_ERROR(readKey(at, "symbol", function.symbol));
  MOTLEY_RETURN_IF_ERROR(readNonNegative(at, "arena_bytes", function.arenaBytes));
  MOTLEY_RETURN_IF_ERROR(readNonNegative(at, "launches", function.launches));
  MOTLEY_RETURN_IF_ERROR(readKey(at, "flops", function.flops));
  MOTLEY_RETURN_IF_ERROR(readKey(at, "bytes", function.bytes));
  MOTLEY_ASSIGN(JsonCursor buffers, at.at("buffers"));
  MOTLEY_ASSIGN(auto bufferEntries, buffers.elements());
  function.rows = -1;
  for (const JsonCursor &entry : bufferEntries) {
    BufferDesc buffer;
    MOTLEY_RETURN_IF_ERROR(readBuffer(entry, manifest, buffer));
    if (buffer.kind == BufferKind::Field) {
      if (function.rows >= 0 && function.rows != buffer.shape[0])
        return entry.error("has " + std::to_string(buffer.shape[0]) + " rows, but an earlier field has " +
                           std::to_string(function.rows));
      function.rows = buffer.shape[0];
    }
    function.buffers.push_back(buffer);
  }
  if (function.rows < 0)
    function.rows = manifest.rows;
  MOTLEY_ASSIGN(JsonCursor scalars, at.at("scalars"));
  MOTLEY_ASSIGN(auto scalarEntries, scalars.elements());
  for (const JsonCursor &entry : scalarEntries) {
    ScalarDesc scalar;
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "name", scalar.name));
    MOTLEY_RETURN_IF_ERROR(readDType(entry, scalar.dtype));
    if (scalar.dtype == DType::BF16 || scalar.dtype == DType::F16 || scalar.dtype == DType::I8)
      return entry.error(std::string("has dtype ") + dtypeName(scalar.dtype) + ", expected i1, i32, i64, f32 or f64");
    function.scalars.push_back(scalar);
  }
  return Status::ok();
}

Status readFunctions(const JsonCursor &root, Manifest &out) {
  MOTLEY_ASSIGN(JsonCursor list, root.at("functions"));
  MOTLEY_ASSIGN(auto entries, list.elements());
  for (const JsonCursor &entry : entries) {
    FunctionDesc function;
    MOTLEY_RETURN_IF_ERROR(readFunction(entry, out, function));
    if (out.findFunction(function.name) >= 0)
      return entry.error("repeats the function '" + function.name + "'");
    out.functions.push_back(function);
  }
  return Status::ok();
}

Status readKernels(const JsonCursor &root, Manifest &out) {
  MOTLEY_ASSIGN(JsonCursor list, root.at("kernels"));
  MOTLEY_ASSIGN(auto entries, list.elements());
  for (const JsonCursor &entry : entries) {
    KernelDesc kernel;
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "name", kernel.name));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "family", kernel.family));
    MOTLEY_RETURN_IF_ERROR(readNonNegative(entry, "scratch_bytes", kernel.scratchBytes));
    out.kernels.push_back(kernel);
  }
  return Status::ok();
}

Status readTrain(const JsonCursor &root, TrainSettings &out) {
  if (!root.has("train"))
    return Status::ok(); // a module for inference alone
  MOTLEY_ASSIGN(JsonCursor at, root.at("train"));
  MOTLEY_RETURN_IF_ERROR(readKey(at, "beta1", out.beta1));
  MOTLEY_RETURN_IF_ERROR(readKey(at, "beta2", out.beta2));
  MOTLEY_RETURN_IF_ERROR(readKey(at, "epsilon", out.epsilon));
  MOTLEY_RETURN_IF_ERROR(readKey(at, "weight_decay", out.weightDecay));
  if (at.has("ema"))
    MOTLEY_RETURN_IF_ERROR(readKey(at, "ema", out.ema));
  return readKey(at, "clip", out.clip);
}

Status readPhases(const JsonCursor &root, Manifest &out) {
  if (!root.has("phases")) {
    if (root.has("train"))
      out.phases.push_back({});
    return Status::ok();
  }
  MOTLEY_ASSIGN(JsonCursor list, root.at("phases"));
  MOTLEY_ASSIGN(auto entries, list.elements());
  for (const JsonCursor &entry : entries) {
    Phase phase;
    if (entry.has("until"))
      MOTLEY_RETURN_IF_ERROR(readNonNegative(entry, "until", phase.until));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "rate", phase.rate));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "eval", phase.eval));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "accumulate", phase.accumulate));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "update", phase.update));
    int64_t before = out.phases.empty() ? 0 : out.phases.back().until;
    if ((!out.phases.empty() && before == 0) || (phase.until != 0 && phase.until <= before))
      return entry.error("lasts until step " + std::to_string(phase.until) + ", but the phase before it until step " +
                         std::to_string(before));
    out.phases.push_back(phase);
  }
  if (out.phases.empty())
    return list.error("is empty, expected at least one phase");
  return Status::ok();
}

} // namespace

Result<Manifest> parseManifest(std::string_view json, const std::string &origin) {
  return guarded([&]() -> Result<Manifest> {
    std::string where = origin + ": manifest";
    MOTLEY_ASSIGN(nlohmann::json document, parseJson(json, where));
    JsonCursor root(document, where);
    Manifest out;
    out.text = std::string(json);
    MOTLEY_RETURN_IF_ERROR(readKey(root, "abi", out.abi));
    if (out.abi != MOTLEY_ABI_VERSION)
      return root.error("has ABI version " + std::to_string(out.abi) + ", this runtime has " +
                            std::to_string(MOTLEY_ABI_VERSION) + "; compile the model again",
                        Code::Incompatible);
    if (root.has("digest"))
      MOTLEY_RETURN_IF_ERROR(readKey(root, "digest", out.digest));
    MOTLEY_RETURN_IF_ERROR(readNonNegative(root, "rows", out.rows));
    MOTLEY_RETURN_IF_ERROR(readModalities(root, out));
    MOTLEY_RETURN_IF_ERROR(readTrain(root, out.train));
    MOTLEY_RETURN_IF_ERROR(readPhases(root, out));
    MOTLEY_RETURN_IF_ERROR(readKey(root, "losses", out.losses));
    MOTLEY_RETURN_IF_ERROR(readState(root, out));
    MOTLEY_RETURN_IF_ERROR(readFunctions(root, out));
    MOTLEY_RETURN_IF_ERROR(readKernels(root, out));
    return out;
  });
}

} // namespace motley::runtime
