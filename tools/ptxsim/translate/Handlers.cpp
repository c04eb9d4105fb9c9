// Instructions that a handler runs: operands into slots, one call, results out of slots (engine/Site.h); and the
// accumulators of wgmma, which stay in memory.
#include "translate/Emitter.h"
#include "translate/Registers.h"

#include "check/Poison.h"
#include "engine/Wgmma.h"
#include "ptx/InstructionTable.h"

namespace ptxsim::jit {

using llvm::Value;
using ptx::Space;
using ptx::Type;
using Access = ptx::OperandSpec::Access;

/// The function's arrays of slots; they grow to what the largest call needs.
llvm::AllocaInst *FunctionEmitter::slots(bool out, unsigned count) {
  llvm::AllocaInst *&array = out ? outSlots : inSlots;
  unsigned &size = out ? outCount : inCount;
  count = std::max(1u, count * (poison() ? 2 : 1));
  if (!array)
    array = entryAlloca(llvm::ArrayType::get(b.getInt64Ty(), count), 64);
  if (count > size) {
    size = count;
    array->setAllocatedType(llvm::ArrayType::get(b.getInt64Ty(), count));
  }
  return array;
}

llvm::AllocaInst *FunctionEmitter::clearedOut(unsigned count) {
  llvm::AllocaInst *out = slots(true, count);
  if (poison() && count)
    b.CreateMemSet(b.CreateConstInBoundsGEP1_64(b.getInt64Ty(), out, count), b.getInt8(0), 8 * count, llvm::Align(8));
  return out;
}

void FunctionEmitter::storeSlot(Value *array, unsigned k, unsigned count, Bits bits) {
  auto at = [&](unsigned slot) { return b.CreateConstInBoundsGEP1_64(b.getInt64Ty(), array, slot); };
  b.CreateStore(b.CreateZExt(bits.value, b.getInt64Ty()), at(k));
  if (poison())
    b.CreateStore(bits.shadow ? b.CreateZExt(bits.shadow, b.getInt64Ty()) : b.getInt64(0), at(count + k));
}

Bits FunctionEmitter::loadSlot(Value *array, unsigned k, unsigned count, unsigned width) {
  auto load = [&](unsigned slot) {
    return b.CreateTrunc(b.CreateLoad(b.getInt64Ty(), b.CreateConstInBoundsGEP1_64(b.getInt64Ty(), array, slot)),
                         intType(width));
  };
  return {load(k), poison() ? load(count + k) : nullptr};
}

void FunctionEmitter::pushSource(llvm::SmallVectorImpl<Bits> &sources, const Operand &operand, Type type, Space space,
                                 const Instruction &i) {
  switch (operand.kind) {
  case Operand::Kind::Address: {
    Bits where = address(operand, space);
    checkAddress(i, where);
    sources.push_back(where);
    for (const Operand &coordinate : operand.elements)
      pushSource(sources, coordinate, Type::B32, space, i);
    return;
  }
  case Operand::Kind::Vector:
  case Operand::Kind::Pair:
    for (const Operand &element : operand.elements)
      pushSource(sources, element, type, space, i);
    return;
  case Operand::Kind::Sink:
    sources.push_back({b.getInt64(0)});
    return;
  default:
    break;
  }
  unsigned width = type != Type::None ? ptx::bitWidth(type) : widthOf(operand) ? widthOf(operand) : 64;
  if (operand.kind == Operand::Kind::Special && type == Type::None)
    width = 64;
  Bits bits = readWidth(operand, width, type);
  if (width <= 64) {
    sources.push_back(bits);
    return;
  }
  auto half = [&](Value *v, unsigned shift) {
    return v ? b.CreateTrunc(b.CreateLShr(v, shift), b.getInt64Ty()) : nullptr;
  };
  sources.push_back({half(bits.value, 0), half(bits.shadow, 0)});
  sources.push_back({half(bits.value, 64), half(bits.shadow, 64)});
}

void FunctionEmitter::pushDestination(llvm::SmallVectorImpl<Destination> &destinations, const Operand &operand,
                                      Type type, bool pair, bool readWrite) {
  static const Operand sink;
  if (operand.kind == Operand::Kind::Vector) {
    for (const Operand &element : operand.elements)
      pushDestination(destinations, element, type, false, readWrite);
    return;
  }
  if (operand.kind == Operand::Kind::Pair) {
    pushDestination(destinations, operand.elements[0], type, false, readWrite);
    pushDestination(destinations, operand.elements[1], Type::Pred, false, readWrite);
    return;
  }
  unsigned width = type != Type::None ? ptx::bitWidth(type) : widthOf(operand) ? widthOf(operand) : 64;
  destinations.push_back({&operand, readWrite, ptx::isSigned(type), width});
  if (pair)
    destinations.push_back({&sink, readWrite, false, 1});
}

void FunctionEmitter::callHandler(Site &site, llvm::ArrayRef<Bits> sources, Value *out) {
  Value *in = slots(false, sources.size());
  for (unsigned k = 0; k < sources.size(); ++k)
    storeSlot(in, k, sources.size(), sources[k]);
  callAddress(reinterpret_cast<const void *>(site.handler), b.getVoidTy(), {thread, pointer(&site), in, out});
}

void FunctionEmitter::emitHandler(const Instruction &i) {
  Site &site = this->site(i);
  auto specs = ptx::operandSpecs(i);
  llvm::SmallVector<Bits, 16> sources;
  llvm::SmallVector<Destination, 16> destinations;
  for (size_t k = 0; k < i.operands.size(); ++k) {
    ptx::OperandSpec spec = k < specs.size() ? specs[k] : ptx::OperandSpec();
    const Operand &operand = i.operands[k];
    if (operand.kind == Operand::Kind::Label)
      continue;
    if (spec.access == Access::Read)
      pushSource(sources, operand, spec.type, site.space, i);
    else
      pushDestination(destinations, operand, spec.type, spec.kind == ptx::OperandSpec::Kind::Pair,
                      spec.access == Access::ReadWrite);
  }
  auto slotsOf = [](const Destination &d) { return d.width > 64 ? 2u : 1u; };
  unsigned numResults = 0;
  for (const Destination &d : destinations)
    numResults += slotsOf(d);
  site.numSources = sources.size();
  site.numResults = numResults;
  if (!site.handler)
    bind(site);
  preempt();

  if (auto bank = bankOf.find(&i); bank != bankOf.end()) {
    callHandler(site, sources, bank->second->slots);
    settled = false;
    askedBanks.clear();
    return;
  }
  bool product = i.opcode() == "wgmma" && i.has("mma_async");
  Value *out = clearedOut(numResults);
  unsigned slot = 0;
  for (const Destination &d : destinations) {
    if (d.readWrite && d.operand->kind == Operand::Kind::Register)
      storeSlot(out, slot, numResults, readWidth(*d.operand, d.width));
    slot += slotsOf(d);
  }
  callHandler(site, sources, out);
  if (product && options.deferProducts) // its accumulators have no bank of their own: they land at once
    callAddress(reinterpret_cast<const void *>(ptxsim_settle_wgmma), b.getVoidTy(), {thread});
  slot = 0;
  for (const Destination &d : destinations) {
    if (d.operand->kind != Operand::Kind::Sink) {
      Bits bits = loadSlot(out, slot, numResults, std::min(64u, d.width));
      if (d.width > 64) {
        Bits high = loadSlot(out, slot + 1, numResults, 64);
        auto join = [&](Value *low, Value *top) -> Value * {
          return low ? b.CreateOr(b.CreateZExt(low, intType(128)), b.CreateShl(b.CreateZExt(top, intType(128)), 64))
                     : nullptr;
        };
        bits = {join(bits.value, high.value), join(bits.shadow, high.shadow)};
      }
      write(*d.operand, bits, d.signExtend);
    }
    slot += slotsOf(d);
  }
}

bool FunctionEmitter::touchesBank(const Instruction &i) const {
  if (i.opcode() == "wgmma" && bankOf.count(&i)) {
    // Its own accumulators are the engine's business; registers of A or descriptors may be accumulators of others.
    for (size_t k = 1; k < i.operands.size(); ++k)
      for (const Operand &element : i.operands[k].elements)
        if (element.kind == Operand::Kind::Register && bankSlots.count(element.reg))
          return true;
    return false;
  }
  RegisterUse use = registerUse(i);
  auto inBank = [&](uint32_t reg) { return bankSlots.count(reg) != 0; };
  return llvm::any_of(use.reads, inBank) || llvm::any_of(use.writes, inBank);
}

void FunctionEmitter::reportTouched(const Instruction &i) {
  // Behind a guard it may not happen at all.
  if (i.hasGuard || i.opcode() == "mov" || i.opcode() == "wgmma")
    return;
  RegisterUse use = registerUse(i);
  for (const auto &registers : {use.reads, use.writes})
    for (uint32_t reg : registers)
      if (auto slot = bankSlots.find(reg); slot != bankSlots.end() && askedBanks.insert(slot->second.first).second)
        callAddress(reinterpret_cast<const void *>(ptxsim_touch_wgmma), b.getVoidTy(),
                    {thread, pointer(&site(i)), slot->second.first->slots});
}

/// Lands the products in flight, so that the accumulators may be read or written.
void FunctionEmitter::settle() {
  if (!options.deferProducts)
    return;
  Value *inFlight = field(offsetof(Thread, wgmmaInFlight), b.getInt32Ty());
  when(b.CreateIsNotNull(inFlight),
       [&] { callAddress(reinterpret_cast<const void *>(ptxsim_settle_wgmma), b.getVoidTy(), {thread}); });
  settled = true;
}

} // namespace ptxsim::jit
