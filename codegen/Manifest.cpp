#include "codegen/Manifest.h"
#include "codegen/cpu/Kernels.h"
#include "dialect/Settings.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "runtime/abi.h"
#include "llvm/Support/JSON.h"

namespace mlir::motley::codegen {

namespace json = llvm::json;

/// Columns of one panel of a packed matrix bank.
static constexpr int64_t kPanelColumns = 32;

/// What decides whether two buffer operations are the same entry of `buffers`. Windows are not buffers of their own.
static std::string bufferKey(Operation *op) {
  if (isa<plan::AllocOp>(op))
    return "arena";
  if (auto field = dyn_cast<plan::FieldOp>(op))
    return ("field " + stringifyField(field.getField())).str();
  if (auto state = dyn_cast<plan::StateOp>(op))
    return ("state " + state.getBank() + " " + plan::stringifySlot(state.getSlot())).str();
  return ("output " + cast<plan::OutputOp>(op).getName()).str();
}

/// The buffer that a launch's operand lies in.
static Operation *underlyingBuffer(Value operand) {
  Operation *op = operand.getDefiningOp();
  while (auto window = dyn_cast<plan::WindowOp>(op))
    op = window.getBuffer().getDefiningOp();
  return op;
}

StepSignature StepSignature::of(plan::StepOp step) {
  StepSignature signature;
  signature.step = step;
  llvm::StringMap<unsigned> bufferOf, scalarOf;
  auto useScalar = [&](plan::ScalarOp scalar) {
    auto [entry, isNew] = scalarOf.try_emplace(scalar.getName(), signature.scalars.size());
    if (isNew)
      signature.scalars.push_back(scalar);
    signature.scalarIndex[scalar] = entry->second;
  };
  auto useBuffer = [&](Operation *op) {
    auto [entry, isNew] = bufferOf.try_emplace(bufferKey(op), signature.buffers.size());
    if (isNew)
      signature.buffers.push_back(op);
    signature.bufferIndex[op] = entry->second;
  };
  for (auto launch : step.getBody().getOps<plan::LaunchOp>()) {
    ++signature.numLaunches;
    for (Value operand : launch->getOperands()) {
      if (auto scalar = operand.getDefiningOp<plan::ScalarOp>())
        useScalar(scalar);
      else if (isa<MemRefType>(operand.getType()))
        useBuffer(underlyingBuffer(operand));
    }
  }
  return signature;
}

std::string stepSymbol(plan::StepOp step) { return ("motley_step_" + step.getSymName()).str(); }

static std::string dtypeName(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type; // i1, i32, i64, f32, f64: MLIR's names are the manifest's
  return name;
}
static json::Array shapeOf(ArrayRef<int64_t> shape) { return json::Array(shape); }

namespace {

class ManifestWriter {
public:
  ManifestWriter(ModuleOp module, ArrayRef<StepSignature> steps) : module(module), steps(steps) {}

  FailureOr<std::string> write(ArrayRef<int64_t> scratchBytes) {
    json::Array state;
    for (auto bank : module.getOps<BankOp>()) {
      FailureOr<json::Object> entry = describeBank(bank);
      if (failed(entry))
        return failure();
      state.push_back(std::move(*entry));
    }
    json::Array functions;
    for (const StepSignature &step : steps)
      functions.push_back(describeFunction(step));
    json::Object root{{"abi", MOTLEY_ABI_VERSION},
                      {"rows", numRows},
                      {"modalities", describeModalities()},
                      {"losses", json::Array()},
                      {"state", std::move(state)},
                      {"functions", std::move(functions)},
                      {"kernels", describeKernels(scratchBytes)}};
    for (auto train : module.getOps<TrainOp>())
      describeTraining(train, root);
    if (!phases.empty())
      root["phases"] = std::move(phases);
    if (auto digest = module->getAttrOfType<StringAttr>(kDigestAttrName))
      root["digest"] = digest.getValue();
    if (auto settings = module->getAttrOfType<StringAttr>(kSettingsAttrName))
      root["settings"] = llvm::cantFail(json::parse(settings.getValue())); // the dialect's verifier has parsed it
    std::string text;
    llvm::raw_string_ostream(text) << json::Value(std::move(root));
    return text;
  }

private:
  json::Array describeModalities() {
    json::Array list;
    for (auto modality : module.getOps<ModalityOp>())
      list.push_back(json::Object{{"name", modality.getSymName()},
                                  {"begin", static_cast<int64_t>(modality.getBegin())},
                                  {"end", static_cast<int64_t>(modality.getEnd())}});
    return list;
  }

  void describeTraining(TrainOp train, json::Object &root) {
    json::Object phase{{"rate", train.getRate() ? train.getRate()->convertToDouble() : 1.0}};
    if (train.getUntil())
      phase["until"] = static_cast<int64_t>(*train.getUntil());
    if (auto functions = train.getFunctionsAttr())
      for (auto [key, name] :
           llvm::zip(ArrayRef<StringRef>{"eval", "accumulate", "update"}, functions.getAsRange<StringAttr>()))
        phase[key] = name.getValue();
    phases.push_back(std::move(phase));
    if (root.get("train"))
      return; // the losses are the same in all phases
    root["train"] = json::Object{{"beta1", train.getBeta1().convertToDouble()},
                                 {"beta2", train.getBeta2().convertToDouble()},
                                 {"epsilon", train.getEpsilon().convertToDouble()},
                                 {"weight_decay", train.getWeightDecay().convertToDouble()},
                                 {"clip", train.getClip().convertToDouble()},
                                 {"ema", train.getEma() ? train.getEma()->convertToDouble() : 0.0}};
    json::Array losses;
    if (train.getLosses())
      for (auto name : train.getLossesAttr().getAsRange<StringAttr>())
        losses.push_back(name.getValue());
    root["losses"] = std::move(losses);
  }

  /// The buffer's shape: matrices [M, P, K, 32], vectors [M, D], a table [V, D].
  SmallVector<int64_t> bankShape(BankOp bank) {
    RankedTensorType first = bank.getRangeType(0);
    if (first.getRank() == 1)
      return {bank.getNumMembers(), first.getDimSize(0)};
    if (bank.getLayout() == Layout::rows)
      return {first.getDimSize(0), first.getDimSize(1)};
    int64_t panels = 0;
    for (int64_t range = 0; range < bank.getNumRanges(); ++range)
      panels += llvm::divideCeil(bank.getRangeType(range).getDimSize(1), kPanelColumns);
    return {bank.getNumMembers(), panels, first.getDimSize(0), kPanelColumns};
  }

  FailureOr<json::Object> describeBank(BankOp bank) {
    SmallVector<int64_t> shape = bankShape(bank);
    bool isTable = bank.getLayout() == Layout::rows && shape.size() == 2 && bank.getRangeType(0).getRank() == 2;
    if ((isTable || shape.size() == 2) && (bank.getNumRanges() != 1 || (isTable && bank.getNumMembers() != 1)))
      return bank.emitOpError() << "has " << bank.getNumMembers() << " members of " << bank.getNumRanges()
                                << " ranges; a bank of vectors has one range, and a bank of rows one variable";
    llvm::SmallSetVector<plan::Slot, 4> used;
    for (const StepSignature &step : steps) {
      for (auto op : plan::StepOp(step.step).getBody().getOps<plan::StateOp>()) {
        if (op.getBank() != bank.getSymName())
          continue;
        if (op.getBuffer().getType() != MemRefType::get(shape, Float32Type::get(bank.getContext())))
          return (op.emitOpError() << "has type " << op.getBuffer().getType() << ", expected f32 of shape [" << shape
                                   << "]")
                     .attachNote(bank.getLoc())
                 << "bank declared here";
        used.insert(op.getSlot());
      }
    }
    json::Array slots{"param"};
    for (plan::Slot slot : {plan::Slot::grad, plan::Slot::m, plan::Slot::v, plan::Slot::ema})
      if (used.contains(slot))
        slots.push_back(plan::stringifySlot(slot));
    return json::Object{{"bank", bank.getSymName()},
                        {"slots", std::move(slots)},
                        {"dtype", "f32"},
                        {"shape", shapeOf(shape)},
                        {"members", describeMembers(bank, isTable)}};
  }

  json::Array describeMembers(BankOp bank, bool isTable) {
    json::Array members;
    for (int64_t member = 0; member < bank.getNumMembers(); ++member) {
      int64_t panel = 0;
      for (int64_t range = 0; range < bank.getNumRanges(); ++range) {
        ArrayRef<int64_t> shape = bank.getVariable(member, range).getTensorType().getShape();
        json::Object entry{{"variable", bank.getVariableName(member, range).getValue()},
                           {"member", member},
                           {"panel", panel},
                           {"shape", shapeOf(shape)}};
        if (isTable)
          entry["table"] = true;
        members.push_back(std::move(entry));
        if (shape.size() == 2)
          panel += llvm::divideCeil(shape[1], kPanelColumns);
      }
    }
    return members;
  }

  json::Object describeBuffer(Operation *op) {
    if (isa<plan::AllocOp>(op))
      return json::Object{{"kind", "arena"}};
    if (auto state = dyn_cast<plan::StateOp>(op))
      return json::Object{{"kind", "state"}, {"bank", state.getBank()}, {"slot", plan::stringifySlot(state.getSlot())}};
    auto type = cast<MemRefType>(op->getResult(0).getType());
    json::Object entry{{"dtype", dtypeName(type.getElementType())}, {"shape", shapeOf(type.getShape())}};
    if (auto field = dyn_cast<plan::FieldOp>(op)) {
      numRows = std::max(numRows, type.getDimSize(0));
      entry["kind"] = "field";
      entry["field"] = stringifyField(field.getField());
      return entry;
    }
    entry["kind"] = "output";
    entry["name"] = cast<plan::OutputOp>(op).getName();
    return entry;
  }

  json::Object describeFunction(const StepSignature &signature) {
    json::Array buffers, scalars;
    for (Operation *op : signature.buffers)
      buffers.push_back(describeBuffer(op));
    for (plan::ScalarOp scalar : signature.scalars)
      scalars.push_back(json::Object{{"name", scalar.getName()}, {"dtype", dtypeName(scalar.getValue().getType())}});
    plan::StepOp step = signature.step;
    return json::Object{{"name", step.getSymName()},
                        {"symbol", stepSymbol(step)},
                        {"arena_bytes", step.getArena() ? static_cast<int64_t>(*step.getArena()) : 0},
                        {"buffers", std::move(buffers)},
                        {"scalars", std::move(scalars)},
                        {"launches", signature.numLaunches},
                        {"flops", costOf(step, "plan.flops")},
                        {"bytes", costOf(step, "plan.bytes")}};
  }

  /// A cost that the passes wrote on the step; 0 where they did not.
  double costOf(plan::StepOp step, StringRef name) {
    if (auto cost = step->getAttrOfType<IntegerAttr>(name))
      return cost.getValue().getSExtValue();
    if (auto cost = step->getAttrOfType<FloatAttr>(name))
      return cost.getValueAsDouble();
    return 0;
  }

  json::Array describeKernels(ArrayRef<int64_t> scratchBytes) {
    json::Array kernels;
    for (auto [kernel, bytes] : llvm::zip(module.getOps<plan::KernelOp>(), scratchBytes))
      kernels.push_back(
          json::Object{{"name", kernel.getSymName()}, {"family", familyName(kernel)}, {"scratch_bytes", bytes}});
    return kernels;
  }

  ModuleOp module;
  ArrayRef<StepSignature> steps;
  json::Array phases;
  int64_t numRows = 0; // of the longest field; known once the functions are described
};

} // namespace

FailureOr<std::string> makeManifest(ModuleOp module, ArrayRef<StepSignature> steps, ArrayRef<int64_t> scratchBytes) {
  return ManifestWriter(module, steps).write(scratchBytes);
}

} // namespace mlir::motley::codegen
