// Runs of mma.sync become one call, so that a warp meets once for all of them (engine/Matrix.h). An mma waits for its
// neighbours; what stands between them and neither uses nor overwrites their results goes first.
#include "translate/Emitter.h"
#include "translate/Registers.h"

#include "ptx/InstructionTable.h"

namespace ptxsim::jit {

using llvm::Value;
using ptx::Type;

/// A batch's slots lie on the fiber's stack: this many mma's at most.
constexpr size_t kMostSteps = 128;

static bool isProduct(const ptx::Instruction &i) { return i.opcode() == "mma" && i.has("sync"); }

/// Takes an unguarded mma.sync into the batch.
bool FunctionEmitter::joinBatch(const Instruction &i) {
  if (!isProduct(i) || i.hasGuard || i.operands.empty())
    return false;
  for (const Operand &operand : i.operands)
    for (const Operand &element : operand.elements)
      if (element.kind == Operand::Kind::Register && bankSlots.count(element.reg))
        return false; // accumulators of wgmma are read at the right moment only
  if (batch.size() == kMostSteps)
    flushBatch();
  current = &i;
  guard = {};
  auto specs = ptx::operandSpecs(i);
  Gathered step{&i, {}, batchOutCount};
  for (size_t k = 1; k < i.operands.size(); ++k) {
    Type type = k < specs.size() ? specs[k].type : Type::B32;
    const Operand &operand = i.operands[k];
    auto add = [&](const Operand &element) { step.sources.push_back(batchSource(element, type)); };
    if (operand.kind == Operand::Kind::Vector)
      llvm::for_each(operand.elements, add);
    else
      add(operand);
  }
  auto written = [&](const Operand &element) {
    if (element.kind == Operand::Kind::Register)
      batchOutSlots[element.reg] = batchOutCount;
    ++batchOutCount;
  };
  if (i.operands[0].kind == Operand::Kind::Vector)
    llvm::for_each(i.operands[0].elements, written);
  else
    written(i.operands[0]);
  batch.push_back(std::move(step));
  return true;
}

/// The slot of a source: of the batch's `in`, or ~slot of its `out` for the result of an earlier step.
int32_t FunctionEmitter::batchSource(const Operand &operand, Type type) {
  bool plain = operand.kind == Operand::Kind::Register && !operand.negated;
  if (plain) {
    if (auto out = batchOutSlots.find(operand.reg); out != batchOutSlots.end())
      return ~int32_t(out->second);
    // The same register with the same value needs one slot.
    if (auto in = batchInSlots.find(operand.reg); in != batchInSlots.end()) {
      Bits now = readRegister(operand.reg);
      if (batchIn[in->second].value == now.value && batchIn[in->second].shadow == now.shadow)
        return in->second;
    }
  }
  if (plain)
    batchInSlots[operand.reg] = batchIn.size();
  batchIn.push_back(plain ? readRegister(operand.reg) : read(operand, type));
  return batchIn.size() - 1;
}

/// Whether an instruction may be executed before the gathered products: it is plain arithmetic or moves memory that
/// mma does not see, and has no register in common with their results.
bool FunctionEmitter::mayPassBatch(const Instruction &i) const {
  auto rule = rules().find(i.opcode());
  bool pure = rule != rules().end() && rule->second.pure;
  bool memory = i.opcode() == "ld" || i.opcode() == "st" || i.opcode() == "ldmatrix" ||
                (i.opcode() == "cp" && i.has("async") && (i.has("ca") || i.has("cg")));
  if (!pure && !memory)
    return false;
  RegisterUse use = registerUse(i);
  auto isResult = [&](uint32_t reg) { return batchOutSlots.count(reg) != 0; };
  return !llvm::any_of(use.reads, isResult) && !llvm::any_of(use.writes, isResult) &&
         !(i.hasGuard && isResult(i.guard));
}

void FunctionEmitter::flushBatch() {
  if (batch.empty())
    return;
  auto gathered = std::move(batch);
  batch.clear();
  const Instruction &first = *gathered.front().instruction;
  current = &first;
  guard = {};
  Site *called = &site(first);
  auto bindStep = [&](const Gathered &step) {
    Site &site = this->site(*step.instruction);
    site.numSources = step.sources.size();
    site.numResults = 0;
    for (const Operand &operand : llvm::ArrayRef(step.instruction->operands).take_front(1))
      site.numResults += operand.kind == Operand::Kind::Vector ? operand.elements.size() : 1;
    if (!site.handler)
      bind(site);
    return &site;
  };
  if (gathered.size() == 1) {
    bindStep(gathered[0]);
    llvm::SmallVector<Bits, 16> sources; // in the order of the text, not of first use
    for (int32_t source : gathered[0].sources)
      sources.push_back(batchIn[source]);
    preempt();
    callHandler(*called, sources, clearedOut(batchOutCount));
  } else {
    auto payload = std::make_unique<MatrixBatch>();
    for (Gathered &step : gathered)
      payload->steps.push_back({bindStep(step), std::move(step.sources), step.result});
    called = &program.newSite(function, first);
    called->payload = std::move(payload);
    called->handler = runMatrixBatch;
    called->numSources = batchIn.size();
    called->numResults = batchOutCount;
    preempt();
    callHandler(*called, batchIn, clearedOut(batchOutCount));
  }
  Value *out = slots(true, batchOutCount);
  // In the order of the registers: the code must not depend on the order of a hash table.
  llvm::SmallVector<std::pair<uint32_t, uint32_t>> written(batchOutSlots.begin(), batchOutSlots.end());
  llvm::sort(written);
  for (auto [reg, slot] : written)
    writeRegister(reg, loadSlot(out, slot, batchOutCount, widthOf(reg)));
  batchIn.clear();
  batchInSlots.clear();
  batchOutSlots.clear();
  batchOutCount = 0;
}

} // namespace ptxsim::jit
