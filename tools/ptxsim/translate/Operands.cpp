// Registers and operands: what an instruction reads and writes, as integers of the width that it asks for.
#include "translate/Emitter.h"

#include "engine/Scheduler.h"

#include "llvm/ADT/bit.h"

namespace ptxsim::jit {

// ---------------------------------------------------------------------------------------------------------------------
// IR helpers

FunctionEmitter::Value *FunctionEmitter::pointer(const void *address) {
  return llvm::ConstantExpr::getIntToPtr(b.getInt64(reinterpret_cast<uint64_t>(address)), b.getPtrTy());
}

FunctionEmitter::Value *FunctionEmitter::fieldAddress(size_t offset) {
  return b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), thread, offset);
}

FunctionEmitter::Value *FunctionEmitter::field(size_t offset, llvm::Type *type, bool invariant) {
  llvm::LoadInst *load = b.CreateLoad(type, fieldAddress(offset));
  if (invariant)
    load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(b.getContext(), {}));
  return load;
}

llvm::CallInst *FunctionEmitter::callAddress(const void *address, llvm::Type *result,
                                             llvm::ArrayRef<Value *> arguments) {
  llvm::SmallVector<llvm::Type *> types;
  for (Value *argument : arguments)
    types.push_back(argument->getType());
  llvm::CallInst *call = b.CreateCall(llvm::FunctionType::get(result, types, false), pointer(address), arguments);
  call->setDoesNotThrow();
  return call;
}

FunctionEmitter::Value *FunctionEmitter::callPureAddress(const void *address, llvm::Type *result,
                                                         llvm::ArrayRef<Value *> arguments) {
  llvm::CallInst *call = callAddress(address, result, arguments);
  call->setDoesNotAccessMemory();
  call->addFnAttr(llvm::Attribute::WillReturn);
  return call;
}

// ---------------------------------------------------------------------------------------------------------------------
// Registers

Bits FunctionEmitter::readRegister(uint32_t reg) {
  unsigned width = ptx::bitWidth(function.registers[reg].type);
  if (auto bank = bankSlots.find(reg); bank != bankSlots.end()) {
    auto [slots, k] = bank->second;
    return loadSlot(slots->slots, k, slots->registers.size(), width);
  }
  Known &cached = known[reg];
  if (cached.epoch == epoch)
    return cached.bits;
  Bits bits{b.CreateLoad(intType(width), registers[reg]), nullptr};
  if (poison())
    bits.shadow = b.CreateLoad(intType(width), shadows[reg]);
  cached = {bits, epoch};
  if (conditional)
    touched.push_back(reg);
  return bits;
}

void FunctionEmitter::writeRegister(uint32_t reg, Bits bits) {
  if (guard.value)
    bits = select(guard, bits, readRegister(reg));
  if (auto bank = bankSlots.find(reg); bank != bankSlots.end()) {
    auto [slots, k] = bank->second;
    storeSlot(slots->slots, k, slots->registers.size(), bits);
    return;
  }
  b.CreateStore(bits.value, registers[reg]);
  if (poison())
    b.CreateStore(bits.shadow ? bits.shadow : llvm::Constant::getNullValue(bits.value->getType()), shadows[reg]);
  known[reg] = {bits, epoch};
  if (conditional)
    touched.push_back(reg);
}

// ---------------------------------------------------------------------------------------------------------------------
// Operands

unsigned FunctionEmitter::widthOf(const Operand &operand) const {
  return operand.kind == Operand::Kind::Register ? ptx::bitWidth(function.registers[operand.reg].type) : 0;
}

/// A constant as a pattern of `width` bits. Decimal floating constants are doubles; instructions on f32 take their
/// nearest float (PTX ISA 9.0, section 4.5.2 "Floating-Point Constants").
uint64_t FunctionEmitter::immediate(const Operand &operand, unsigned width, Type type) const {
  if (operand.literal == Type::F64 && width == 32)
    return llvm::bit_cast<uint32_t>(float(llvm::bit_cast<double>(operand.bits)));
  if (operand.literal == Type::F32 && width == 64 && ptx::isFloat(type))
    return llvm::bit_cast<uint64_t>(double(llvm::bit_cast<float>(uint32_t(operand.bits))));
  if (width == 1)
    return operand.bits != 0;
  return operand.bits;
}

Bits FunctionEmitter::readWidth(const Operand &operand, unsigned width, Type type) {
  Bits bits;
  switch (operand.kind) {
  case Operand::Kind::Register:
    bits = readRegister(operand.reg);
    if (operand.negated) {
      unsigned own = widthOf(operand);
      bits.value = own == 1
                       ? b.CreateNot(bits.value)
                       : b.CreateXor(bits.value, llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignMask(own)));
    }
    break;
  case Operand::Kind::Immediate: {
    uint64_t value = immediate(operand, width, type);
    if (width <= 64)
      return {llvm::ConstantInt::get(b.getContext(), llvm::APInt(width, value, false, /*implicitTrunc=*/true))};
    return {llvm::ConstantInt::get(b.getContext(), llvm::APInt(64, value).sext(width))};
  }
  case Operand::Kind::Special:
    bits = special(operand);
    break;
  case Operand::Kind::Symbol:
  case Operand::Kind::Function:
    bits = addressOf(operand);
    break;
  case Operand::Kind::Vector: { // packs its elements, the first one lowest
    unsigned each = operand.elements.empty() ? 0 : width / operand.elements.size();
    if (!each || each * operand.elements.size() != width)
      fail(*current, "a vector of " + std::to_string(operand.elements.size()) + " does not make " +
                         std::to_string(width) + " bits");
    bits.value = constant(8, 0);
    for (size_t k = 0; k < operand.elements.size(); ++k) {
      Bits element = readWidth(operand.elements[k], each, Type::None);
      Value *wide = b.CreateShl(b.CreateZExt(element.value, intType(width)), k * each);
      bits.value = k ? b.CreateOr(bits.value, wide) : wide;
      if (element.shadow)
        bits.shadow = orShadows(bits.shadow, b.CreateShl(resize(element.shadow, width), k * each));
    }
    return bits;
  }
  default:
    fail(*current, "an operand of this kind has no value");
  }
  return {b.CreateZExtOrTrunc(bits.value, intType(width)), resize(bits.shadow, width)};
}

Bits FunctionEmitter::read(const Operand &operand, Type type) { return readWidth(operand, ptx::bitWidth(type), type); }

FunctionEmitter::Value *FunctionEmitter::get(const Operand &operand, Type type) {
  Bits bits = read(operand, type);
  if (bits.shadow)
    got.push_back(bits.shadow);
  return bits.value;
}

FunctionEmitter::Value *FunctionEmitter::getWidth(const Operand &operand, unsigned width) {
  Bits bits = readWidth(operand, width);
  if (bits.shadow)
    got.push_back(bits.shadow);
  return bits.value;
}

void FunctionEmitter::put(const Operand &operand, Value *value, bool signExtend, unsigned laneWidth) {
  write(operand, {value, gotShadow(value->getType()->getIntegerBitWidth(), laneWidth)}, signExtend);
}

void FunctionEmitter::write(const Operand &operand, Bits bits, bool signExtend) {
  unsigned width = bits.value->getType()->getIntegerBitWidth();
  if (operand.kind == Operand::Kind::Sink)
    return;
  if (operand.kind == Operand::Kind::Vector) {
    unsigned each = operand.elements.empty() ? 0 : width / operand.elements.size();
    if (!each || each * operand.elements.size() != width)
      fail(*current,
           std::to_string(width) + " bits do not make a vector of " + std::to_string(operand.elements.size()));
    for (size_t k = 0; k < operand.elements.size(); ++k) {
      Bits part{b.CreateTrunc(b.CreateLShr(bits.value, k * each), intType(each)), nullptr};
      if (bits.shadow)
        part.shadow = resize(b.CreateLShr(bits.shadow, k * each), each);
      write(operand.elements[k], part);
    }
    return;
  }
  if (operand.kind != Operand::Kind::Register)
    fail(*current, "the destination is not a register");
  unsigned own = widthOf(operand);
  if (own == width) {
    writeRegister(operand.reg, bits);
    return;
  }
  auto extend = [&](Value *value) -> Value * {
    return own < width ? b.CreateTrunc(value, intType(own))
                       : (signExtend ? b.CreateSExt(value, intType(own)) : b.CreateZExt(value, intType(own)));
  };
  writeRegister(operand.reg, {extend(bits.value), bits.shadow ? extend(bits.shadow) : nullptr});
}

Bits FunctionEmitter::addressOf(const Operand &operand) {
  if (operand.kind == Operand::Kind::Function && operand.function)
    return {b.getInt64(program.handle(*operand.function))};
  const ptx::Variable *variable = operand.variable;
  if (!variable)
    fail(*current, "a symbol without a variable");
  uint64_t offset = operand.offset;
  if (auto local = localOffsets.find(variable); local != localOffsets.end())
    return {b.CreateAdd(frame, b.getInt64(local->second + offset))};
  if (auto shared = program.symbols.shared.find(variable); shared != program.symbols.shared.end())
    return {b.getInt64(shared->second + offset)};
  if (auto global = program.symbols.address.find(variable); global != program.symbols.address.end())
    return {b.getInt64(global->second + offset)};
  if (variable->space == ptx::Space::Param && function.isEntry)
    for (const auto &parameter : function.parameters)
      if (parameter.get() == variable)
        return {b.CreateAdd(b.CreatePtrToInt(parameters, b.getInt64Ty()),
                            b.getInt64(function.parameterOffset(*variable) + offset))};
  fail(*current, "'" + variable->name + "' has no address here");
}

/// Special registers that are constant for a thread come from its fields, the others from the engine.
Bits FunctionEmitter::special(const Operand &operand) {
  using S = ptx::SpecialRegister;
  llvm::Type *i32 = b.getInt32Ty();
  uint32_t component = std::min<uint32_t>(operand.component, 2);
  auto through = [&](size_t pointerField, size_t offset) {
    llvm::LoadInst *load =
        b.CreateLoad(i32, b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), field(pointerField, b.getPtrTy(), true), offset));
    load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(b.getContext(), {}));
    return Bits{load};
  };
  switch (operand.special) {
  case S::Tid:
    return {field(offsetof(Thread, tid) + 4 * component, i32, true)};
  case S::Ctaid:
    return through(offsetof(Thread, cta), offsetof(Cta, id) + 4 * component);
  case S::Ntid:
    return through(offsetof(Thread, grid), offsetof(Grid, config) + offsetof(LaunchConfig, block) + 4 * component);
  case S::Nctaid:
    return through(offsetof(Thread, grid), offsetof(Grid, config) + offsetof(LaunchConfig, grid) + 4 * component);
  case S::ClusterCtarank:
    return through(offsetof(Thread, cta), offsetof(Cta, rank));
  case S::Laneid:
    return {field(offsetof(Thread, lane), i32, true)};
  case S::Warpid:
    return {b.CreateLShr(field(offsetof(Thread, linear), i32, true), 5)};
  case S::WarpSz:
    return {b.getInt32(32)};
  case S::LanemaskEq:
  case S::LanemaskLt:
  case S::LanemaskLe:
  case S::LanemaskGt:
  case S::LanemaskGe: {
    Value *equal = b.CreateShl(b.getInt32(1), field(offsetof(Thread, lane), i32, true));
    Value *less = b.CreateSub(equal, b.getInt32(1));
    switch (operand.special) {
    case S::LanemaskEq:
      return {equal};
    case S::LanemaskLt:
      return {less};
    case S::LanemaskLe:
      return {b.CreateOr(less, equal)};
    case S::LanemaskGe:
      return {b.CreateNot(less)};
    default:
      return {b.CreateNot(b.CreateOr(less, equal))};
    }
  }
  default:
    return {callAddress(reinterpret_cast<const void *>(ptxsim_special_register), b.getInt64Ty(),
                        {thread, b.getInt32(uint32_t(operand.special)), b.getInt32(operand.component)})};
  }
}

} // namespace ptxsim::jit
