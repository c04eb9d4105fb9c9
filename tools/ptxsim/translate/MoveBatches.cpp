// Runs of ldmatrix become one call, so that a warp meets once for all of them (engine/Matrix.h). What stands between
// them and touches neither memory nor their results goes first.
#include "engine/Matrix.h"
#include "ptx/InstructionTable.h"
#include "translate/Emitter.h"
#include "translate/Registers.h"

namespace ptxsim::jit {

using llvm::Value;

bool FunctionEmitter::mayJoinMoves(const Instruction &i) const {
  if (i.opcode() != "ldmatrix" || i.hasGuard || i.operands.size() != 2 ||
      i.operands[0].kind != Operand::Kind::Vector || i.operands[1].kind != Operand::Kind::Address)
    return false;
  RegisterUse use = registerUse(i);
  auto isInBank = [&](uint32_t reg) { return bankSlots.count(reg) != 0; }; // accumulators of wgmma
  return !llvm::any_of(use.reads, isInBank) && !llvm::any_of(use.writes, isInBank);
}

/// Whether an instruction may be executed before the gathered loads: it is plain arithmetic, a product, or one of them,
/// and has no register in common with their results.
bool FunctionEmitter::mayPassMoves(const Instruction &i) const {
  auto rule = rules().find(i.opcode());
  bool pure = rule != rules().end() && rule->second.pure;
  if (!pure && !(i.opcode() == "mma" && i.has("sync") && !i.hasGuard) && !mayJoinMoves(i))
    return false;
  RegisterUse use = registerUse(i);
  auto isResult = [&](uint32_t reg) { return moveResults.contains(reg); };
  return !llvm::any_of(use.reads, isResult) && !llvm::any_of(use.writes, isResult) &&
         !(i.hasGuard && isResult(i.guard));
}

/// Takes an unguarded ldmatrix, whose address is computed now.
bool FunctionEmitter::joinMoves(const Instruction &i) {
  if (!mayJoinMoves(i))
    return false;
  if (moves.size() == MoveBatch::kMost)
    flushMoves();
  current = &i;
  guard = {};
  Site &site = this->site(i);
  llvm::SmallVector<Bits, 16> sources;
  auto specs = ptx::operandSpecs(i);
  pushSource(sources, i.operands[1], specs[1].type, site.space, i);
  site.numSources = sources.size();
  site.numResults = i.operands[0].elements.size();
  if (!site.handler)
    bind(site);
  moves.push_back({&i, sources[0]});
  for (uint32_t reg : registerUse(i).writes)
    moveResults.insert(reg);
  return true;
}

void FunctionEmitter::flushMoves() {
  if (moves.empty())
    return;
  auto gathered = std::move(moves);
  moves.clear();
  moveResults.clear();
  current = gathered.front().instruction;
  guard = {};
  Site *called = &site(*current);
  llvm::SmallVector<Bits, 16> sources;
  uint32_t results = 0;
  auto payload = std::make_unique<MoveBatch>();
  for (const Move &move : gathered) {
    sources.push_back(move.address);
    payload->steps.push_back({&site(*move.instruction), results});
    results += move.instruction->operands[0].elements.size();
  }
  if (gathered.size() > 1) {
    called = &program.newSite(function, *current);
    called->payload = std::move(payload);
    called->handler = runMoveBatch;
    called->numSources = sources.size();
    called->numResults = results;
  }
  preempt();
  Value *out = clearedOut(results);
  callHandler(*called, sources, out);
  uint32_t slot = 0;
  for (const Move &move : gathered)
    for (const Operand &element : move.instruction->operands[0].elements) {
      if (element.kind != Operand::Kind::Sink)
        write(element, loadSlot(out, slot, results, 32), false);
      ++slot;
    }
}

} // namespace ptxsim::jit
