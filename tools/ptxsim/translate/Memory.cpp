// Loads and stores (PTX ISA 9.0, sections 9.7.9.8 to 9.7.9.11). Parameters and local memory are always inlined; the
// other spaces where nobody watches the accesses. An access is found in bounds by one comparison of its window and
// alignment; what fails goes to ptxsim_address, which reports it or knows better.
#include "translate/Emitter.h"

#include "check/Poison.h"
#include "engine/Memory.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/MDBuilder.h"

namespace ptxsim::jit {

using llvm::Value;
using ptx::Space;
using ptx::Type;

Space FunctionEmitter::spaceOf(const Instruction &i) const {
  return llvm::StringSwitch<Space>(i.first({"const", "global", "local", "param", "param::entry", "param::func",
                                            "shared", "shared::cta", "shared::cluster"}))
      .Case("const", Space::Constant)
      .Case("global", Space::Global)
      .Case("local", Space::Local)
      .Cases({"param", "param::entry", "param::func"}, Space::Param)
      .Cases({"shared", "shared::cta"}, Space::Shared)
      .Case("shared::cluster", Space::SharedCluster)
      .Default(Space::Generic);
}

void FunctionEmitter::decodeMemory(Site &site, const Instruction &i) const {
  if (i.opcode() == "ldu" && spaceOf(i) == Space::Generic)
    site.space = Space::Generic;
  else
    site.space = spaceOf(i);
  site.bytes = ptx::bitWidth(i.lastType()) * i.vectorWidth() / 8;
}

/// base + offset. A 32-bit register makes a 32-bit sum, as shared addresses are computed.
Bits FunctionEmitter::address(const Operand &operand, Space space) {
  if (operand.kind != Operand::Kind::Address)
    return readWidth(operand, 64);
  if (operand.hasRegister) {
    Bits base = readRegister(operand.reg);
    unsigned width = widthOf(operand.reg);
    if (width != 32 && width != 64)
      fail(*current, "the address is a register of " + std::to_string(width) + " bits");
    if (operand.offset) {
      base.value = b.CreateAdd(base.value, constant(width, operand.offset));
      base.shadow = smearUp(base.shadow);
    }
    return {b.CreateZExt(base.value, b.getInt64Ty()), resize(base.shadow, 64)};
  }
  if (!operand.variable)
    return {b.getInt64(operand.offset)};
  Operand symbol = operand;
  symbol.kind = Operand::Kind::Symbol;
  Bits result = addressOf(symbol);
  // By name a variable of a window is reached generically as well.
  if (space == Space::Generic && operand.variable->space == Space::Shared)
    result.value = b.CreateAdd(result.value, b.getInt64(kSharedWindow));
  else if (space == Space::Generic && operand.variable->space == Space::Local)
    result.value = b.CreateAdd(result.value, b.getInt64(kLocalWindow));
  return result;
}

void FunctionEmitter::checkAddress(const Instruction &i, Bits address) {
  reportIf(address.shadow, ptxsim_poison_address, i);
}

void FunctionEmitter::preempt() {
  if (options.preempt)
    callAddress(reinterpret_cast<const void *>(ptxsim_preempt), b.getVoidTy(), {thread});
}

/// The bytes of a parameter, a result or an argument by its name. False if the operand is none of these.
bool FunctionEmitter::parameterPlace(const Instruction &i, const Operand &operand, uint32_t bytes, Place &place) {
  const ptx::Variable *variable = operand.variable;
  if (operand.hasRegister || !variable || variable->space != Space::Param || localOffsets.count(variable))
    return false;
  if (operand.offset < 0 || uint64_t(operand.offset) + bytes > variable->bytes)
    fail(i, "bytes " + std::to_string(operand.offset) + " to " + std::to_string(operand.offset + bytes - 1) + " of '" +
                variable->name + "', which has " + std::to_string(variable->bytes));
  auto within = [&](Value *block, uint64_t offset) {
    return b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), block, offset + operand.offset);
  };
  for (const auto &parameter : function.parameters)
    if (parameter.get() == variable) {
      uint64_t offset = function.parameterOffset(*variable);
      place.host = within(parameters, offset);
      if (poison() && !function.isEntry)
        place.shadow = within(parameters, function.parameterBytes() + offset);
      return true;
    }
  for (const auto &result : function.results)
    if (result.get() == variable) {
      uint64_t offset = ProgramEmitter::resultOffset(function, variable);
      place.host = within(results, offset);
      if (poison())
        place.shadow = within(results, ProgramEmitter::resultOffset(function, nullptr) + offset);
      return true;
    }
  const ParameterArray &array = callParameter(*variable);
  place.host = within(array.bytes, 0);
  if (poison())
    place.shadow = within(array.shadow, 0);
  return true;
}

const FunctionEmitter::ParameterArray &FunctionEmitter::callParameter(const ptx::Variable &variable) {
  ParameterArray &array = callParameters[&variable];
  if (!array.bytes) {
    auto make = [&](unsigned fill) {
      auto *result = entryAlloca(llvm::ArrayType::get(b.getInt8Ty(), variable.bytes), 16);
      llvm::IRBuilderBase::InsertPointGuard keep(b);
      b.SetInsertPoint(allocaPoint->getParent(), entryEnd());
      b.CreateMemSet(result, b.getInt8(fill), variable.bytes, llvm::Align(16));
      return result;
    };
    array.bytes = make(0);
    if (poison())
      array.shadow = make(0xff);
  }
  return array;
}

/// The host address of an access that is inlined.
Value *FunctionEmitter::hostPointer(const Instruction &i, Space space, Value *address, uint32_t bytes) {
  llvm::Type *byte = b.getInt8Ty(), *i64 = b.getInt64Ty();
  Value *low = nullptr, *high, *base = nullptr, *offset = address;
  switch (space) {
  case Space::Shared:
  case Space::SharedCluster:
    low = b.getInt64(kSharedStart);
    high = sharedEnd;
    base = sharedBase;
    break;
  case Space::Local:
    high = localEnd;
    base = localBase;
    break;
  case Space::Generic: {
    // The window decides between three bounds and bases.
    Value *window = b.CreateLShr(address, 56);
    Value *isShared = b.CreateICmpEQ(window, b.getInt64(kSharedWindow >> 56));
    Value *isLocal = b.CreateICmpEQ(window, b.getInt64(kLocalWindow >> 56));
    offset = b.CreateAnd(address, b.getInt64((uint64_t(1) << 56) - 1));
    offset = b.CreateSelect(b.CreateOr(isShared, isLocal), offset, address);
    low = b.CreateSelect(isLocal, b.getInt64(0), field(offsetof(Thread, globalLow), i64));
    low = b.CreateSelect(isShared, b.getInt64(kSharedStart), low);
    high = b.CreateSelect(isLocal, localEnd, field(offsetof(Thread, globalHigh), i64));
    high = b.CreateSelect(isShared, sharedEnd, high);
    base = b.CreateSelect(isLocal, localBase, llvm::Constant::getNullValue(b.getPtrTy()));
    base = b.CreateSelect(isShared, sharedBase, base);
    break;
  }
  default:
    low = field(offsetof(Thread, globalLow), i64);
    high = field(offsetof(Thread, globalHigh), i64);
    break;
  }
  Value *host = base ? b.CreateGEP(byte, base, offset) : b.CreateIntToPtr(address, b.getPtrTy());
  if (!options.bounds)
    return host;
  // An aligned access cannot wrap: its last byte is address | (bytes - 1).
  Value *inside = b.CreateICmpULT(b.CreateOr(offset, b.getInt64(bytes - 1)), high);
  if (low)
    inside = b.CreateAnd(inside, b.CreateICmpUGE(offset, low));
  if (bytes > 1)
    inside = b.CreateAnd(inside, b.CreateIsNull(b.CreateAnd(offset, b.getInt64(bytes - 1))));
  llvm::BasicBlock *fast = b.GetInsertBlock(), *slow = newBlock(""), *join = newBlock("");
  b.CreateCondBr(inside, join, slow, llvm::MDBuilder(b.getContext()).createBranchWeights(100000, 1));
  b.SetInsertPoint(slow);
  Value *resolved =
      callAddress(reinterpret_cast<const void *>(ptxsim_address), b.getPtrTy(), {thread, pointer(&site(i)), address});
  b.CreateBr(join);
  b.SetInsertPoint(join);
  llvm::PHINode *result = b.CreatePHI(b.getPtrTy(), 2);
  result->addIncoming(host, fast);
  result->addIncoming(resolved, slow);
  return result;
}

FunctionEmitter::Place FunctionEmitter::place(const Instruction &i, const Operand &operand, Space space,
                                              uint32_t bytes) {
  Place place;
  if (space == Space::Param && parameterPlace(i, operand, bytes, place))
    return place;
  if (space == Space::Param) // through a register: local memory of a device function, or the kernel's block
    space = function.isEntry ? Space::Global : Space::Local;
  if (options.instrumented && space != Space::Local) {
    place.inlined = false;
    return place;
  }
  site(i).space = space;
  Bits where = address(operand, space);
  checkAddress(i, where);
  if (space != Space::Local)
    preempt();
  place.host = hostPointer(i, space, where.value, bytes);
  if (options.bounds)
    place.alignment = bytes;
  if (poison() && space == Space::Local) {
    // An address outside has ended the launch by now; the minimum only keeps the pointer in its block.
    Value *offset = b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, where.value, localEnd);
    place.shadow = b.CreateGEP(b.getInt8Ty(), localShadow, offset);
    place.inverted = true;
  }
  return place;
}

/// volatile counts as relaxed, as the memory model says (PTX ISA 9.0, section 8.4 "Operation types").
template <class Access> static void setOrdering(Access *access, const ptx::Instruction &i, unsigned bytes) {
  if (bytes > 8 || !llvm::isPowerOf2_32(bytes))
    return;
  if (i.has("acquire"))
    access->setAtomic(llvm::AtomicOrdering::Acquire);
  else if (i.has("release"))
    access->setAtomic(llvm::AtomicOrdering::Release);
  else if (i.has("relaxed") || i.has("volatile"))
    access->setAtomic(llvm::AtomicOrdering::Monotonic);
  else
    return;
  access->setAlignment(llvm::Align(bytes));
}

void FunctionEmitter::emitLoad(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type), bytes = width / 8, count = i.vectorWidth();
  Space space = spaceOf(i);
  Place place = this->place(i, op(i, 1), space, bytes * count);
  if (!place.inlined)
    return emitHandler(i);
  llvm::SmallVector<Bits, 4> values;
  for (unsigned k = 0; k < count; ++k) {
    auto at = [&](Value *start) { return b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), start, uint64_t(bytes) * k); };
    llvm::Align alignment(k ? std::min(bytes, place.alignment) : place.alignment);
    llvm::LoadInst *load = b.CreateAlignedLoad(intType(width), at(place.host), alignment);
    if (space != Space::Param && space != Space::Local)
      setOrdering(load, i, bytes);
    Bits bits{load, nullptr};
    if (place.shadow) {
      bits.shadow = b.CreateAlignedLoad(intType(width), at(place.shadow), llvm::Align(1));
      if (place.inverted)
        bits.shadow = b.CreateNot(bits.shadow);
    }
    values.push_back(bits);
  }
  const Operand &d = op(i, 0);
  for (unsigned k = 0; k < count; ++k)
    write(count > 1                         ? element(i, d, k)
          : d.kind == Operand::Kind::Vector ? element(i, d, 0)
                                            : d,
          values[k], ptx::isSigned(type));
}

void FunctionEmitter::emitStore(const Instruction &i) {
  if (i.has("async") || i.has("bulk"))
    return emitHandler(i);
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type), bytes = width / 8, count = i.vectorWidth();
  Space space = spaceOf(i);
  Place place = this->place(i, op(i, 0), space, bytes * count);
  if (!place.inlined)
    return emitHandler(i);
  const Operand &s = op(i, 1);
  for (unsigned k = 0; k < count; ++k) {
    auto at = [&](Value *start) { return b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), start, uint64_t(bytes) * k); };
    Bits bits = read(s.kind == Operand::Kind::Vector ? element(i, s, k) : s, type);
    llvm::Align alignment(k ? std::min(bytes, place.alignment) : place.alignment);
    llvm::StoreInst *store = b.CreateAlignedStore(bits.value, at(place.host), alignment);
    if (space != Space::Param && space != Space::Local)
      setOrdering(store, i, bytes);
    if (!place.shadow)
      continue;
    Value *shadow = bits.shadow ? bits.shadow : constant(width, 0);
    b.CreateAlignedStore(place.inverted ? b.CreateNot(shadow) : shadow, at(place.shadow), llvm::Align(1));
  }
}

const FunctionEmitter::Operand &FunctionEmitter::element(const Instruction &i, const Operand &vector,
                                                         unsigned k) const {
  if (vector.kind != Operand::Kind::Vector || k >= vector.elements.size())
    fail(i, "a vector of more than " + std::to_string(k) + " elements is expected");
  return vector.elements[k];
}

} // namespace ptxsim::jit
