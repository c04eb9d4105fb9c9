// Which bits of a result are undefined, for the operations that are tracked bit by bit (after the rules of memory
// sanitizers: a result bit is defined if no choice of the undefined bits changes it).
#include "translate/Emitter.h"

#include "llvm/IR/MDBuilder.h"

namespace ptxsim::jit {

using llvm::Value;

Value *FunctionEmitter::orShadows(Value *a, Value *c) {
  if (!a || !c)
    return a ? a : c;
  return b.CreateOr(a, c);
}

static bool isZero(Value *value) {
  auto *constant = llvm::dyn_cast<llvm::Constant>(value);
  return constant && constant->isNullValue();
}

Value *FunctionEmitter::resize(Value *shadow, unsigned width) {
  if (!shadow || isZero(shadow))
    return nullptr;
  return b.CreateZExtOrTrunc(shadow, intType(width));
}

Value *FunctionEmitter::allOrNothing(Value *shadow, unsigned width) {
  if (!shadow || isZero(shadow))
    return nullptr;
  return b.CreateSExt(b.CreateIsNotNull(shadow), intType(width));
}

Value *FunctionEmitter::smearUp(Value *shadow) {
  if (!shadow || isZero(shadow))
    return nullptr;
  return b.CreateOr(shadow, b.CreateNeg(shadow));
}

Value *FunctionEmitter::gotShadow(unsigned width, unsigned laneWidth) {
  if (got.empty())
    return nullptr;
  if (laneWidth && laneWidth < width) {
    Value *all = nullptr;
    for (Value *shadow : got) {
      // A source that has no such lanes (a predicate, a scalar) touches every lane.
      Value *wide = shadow->getType()->getIntegerBitWidth() == width ? shadow : allOrNothing(shadow, width);
      all = orShadows(all, wide);
    }
    if (!all)
      return nullptr;
    auto *lanes = llvm::FixedVectorType::get(intType(laneWidth), width / laneWidth);
    Value *vector = b.CreateBitCast(all, lanes);
    return b.CreateBitCast(b.CreateSExt(b.CreateIsNotNull(vector), lanes), intType(width));
  }
  Value *any = nullptr;
  for (Value *shadow : got) {
    Value *bit = b.CreateIsNotNull(shadow);
    any = any ? b.CreateOr(any, bit) : bit;
  }
  return b.CreateSExt(any, intType(width));
}

Bits FunctionEmitter::select(Bits condition, Bits a, Bits c) {
  Bits result{b.CreateSelect(condition.value, a.value, c.value), nullptr};
  if (!poison())
    return result;
  unsigned width = a.value->getType()->getIntegerBitWidth();
  if (a.shadow || c.shadow)
    result.shadow = b.CreateSelect(condition.value, a.shadow ? a.shadow : constant(width, 0),
                                   c.shadow ? c.shadow : constant(width, 0));
  if (condition.shadow) {
    Value *differ = orShadows(orShadows(a.shadow, c.shadow), b.CreateXor(a.value, c.value));
    result.shadow = b.CreateSelect(condition.shadow, differ, result.shadow ? result.shadow : constant(width, 0));
  }
  return result;
}

Bits FunctionEmitter::bitAnd(Bits a, Bits c) {
  Bits result{b.CreateAnd(a.value, c.value), nullptr};
  if (a.shadow && c.shadow)
    result.shadow = b.CreateAnd(a.shadow, c.shadow);
  if (a.shadow)
    result.shadow = orShadows(result.shadow, b.CreateAnd(a.shadow, c.value));
  if (c.shadow)
    result.shadow = orShadows(result.shadow, b.CreateAnd(c.shadow, a.value));
  return result;
}

Bits FunctionEmitter::bitOr(Bits a, Bits c) {
  Bits result{b.CreateOr(a.value, c.value), nullptr};
  if (a.shadow && c.shadow)
    result.shadow = b.CreateAnd(a.shadow, c.shadow);
  if (a.shadow)
    result.shadow = orShadows(result.shadow, b.CreateAnd(a.shadow, b.CreateNot(c.value)));
  if (c.shadow)
    result.shadow = orShadows(result.shadow, b.CreateAnd(c.shadow, b.CreateNot(a.value)));
  return result;
}

Bits FunctionEmitter::bitXor(Bits a, Bits c) { return {b.CreateXor(a.value, c.value), orShadows(a.shadow, c.shadow)}; }

Bits FunctionEmitter::bitNot(Bits a) { return {b.CreateNot(a.value), a.shadow}; }

void FunctionEmitter::reportIf(Value *shadow, void (*report)(Thread *, const Site *), const Instruction &instruction) {
  if (!shadow || isZero(shadow))
    return;
  when(
      b.CreateIsNotNull(shadow),
      [&] {
        callAddress(reinterpret_cast<const void *>(report), b.getVoidTy(), {thread, pointer(&site(instruction))});
      },
      true);
}

} // namespace ptxsim::jit
