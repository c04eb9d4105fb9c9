// mov and the conversion of addresses between state spaces (PTX ISA 9.0, sections 9.7.9.2 and 9.7.9.19 to 9.7.9.24).
#include "translate/Emitter.h"

#include "llvm/ADT/StringSwitch.h"

namespace ptxsim::jit {

using llvm::Value;
using ptx::Type;

void FunctionEmitter::emitMov(const Instruction &i) {
  const Operand &d = op(i, 0), &s = op(i, 1);
  if (d.kind == Operand::Kind::Vector && s.kind == Operand::Kind::Vector)
    fail(i, "both operands are vectors");
  write(d, read(s, i.lastType()));
}

/// prefetch, hints to the cache: no effect on values.
void FunctionEmitter::emitNothing(const Instruction &) {}

/// The policies of createpolicy are opaque and change no value.
void FunctionEmitter::emitCreatepolicy(const Instruction &i) { write(op(i, 0), {b.getInt64(0)}); }

static uint64_t windowOf(llvm::StringRef space) {
  return llvm::StringSwitch<uint64_t>(space)
      .Cases({"shared", "shared::cta", "shared::cluster"}, kSharedWindow)
      .Case("local", kLocalWindow)
      .Default(0);
}

void FunctionEmitter::emitCvta(const Instruction &i) {
  llvm::StringRef space =
      i.first({"const", "global", "local", "shared", "shared::cta", "shared::cluster", "param", "param::entry"});
  Bits a = read(op(i, 1), i.lastType());
  uint64_t window = windowOf(space);
  // The parameter of a device function whose address is taken lies in local memory.
  if (!function.isEntry && space.starts_with("param"))
    window = kLocalWindow;
  if (!window)
    return write(op(i, 0), a);
  if (ptx::bitWidth(i.lastType()) != 64)
    fail(i, "generic addresses have 64 bits");
  if (!i.has("to"))
    return write(op(i, 0), {b.CreateAdd(a.value, b.getInt64(window)), a.shadow});
  // What is not in the window stays as it is: its use in that space is found by the bounds test.
  Value *inside = b.CreateICmpEQ(b.CreateLShr(a.value, 56), b.getInt64(window >> 56));
  write(op(i, 0), {b.CreateSelect(inside, b.CreateSub(a.value, b.getInt64(window)), a.value), a.shadow});
}

void FunctionEmitter::emitIsspacep(const Instruction &i) {
  llvm::StringRef space =
      i.first({"const", "global", "local", "shared", "shared::cta", "shared::cluster", "param", "param::entry"});
  if (space == "const") // only the memory knows which allocations are constant
    return emitHandler(i);
  Value *a = getWidth(op(i, 1), 64);
  Value *window = b.CreateLShr(a, 56);
  Value *result;
  if (space == "global") {
    result = b.CreateAnd(b.CreateICmpEQ(window, b.getInt64(0)), b.CreateIsNotNull(a));
  } else if (space.starts_with("param")) {
    Value *start = field(offsetof(Thread, parameters), b.getInt64Ty(), true);
    result = b.CreateICmpULT(b.CreateSub(a, start), b.getInt64(function.isEntry ? function.parameterBytes() : 0));
  } else {
    result = b.CreateICmpEQ(window, b.getInt64(windowOf(space) >> 56));
    if (space == "shared" || space == "shared::cta") { // the executing block's own, by either of its names
      Value *rank = b.CreateAnd(b.CreateLShr(a, kSharedRankShift), b.getInt64(0xff));
      Value *own = b.CreateZExt(ownRank(), b.getInt64Ty());
      Value *isOwn = b.CreateOr(b.CreateIsNull(rank), b.CreateICmpEQ(rank, b.CreateAdd(own, b.getInt64(1))));
      result = b.CreateAnd(result, isOwn);
    }
  }
  put(op(i, 0), result);
}

Value *FunctionEmitter::ownRank() {
  Operand rank;
  rank.special = ptx::SpecialRegister::ClusterCtarank;
  return special(rank).value;
}

/// The same place in the window of another block of the cluster.
void FunctionEmitter::emitMapa(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type);
  Bits a = read(op(i, 1), type);
  Value *rank = b.CreateZExtOrTrunc(getWidth(op(i, 2), 32), intType(width));
  rank = b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, rank, constant(width, 254)); // no cluster is that large
  Value *prefix = b.CreateShl(b.CreateAdd(rank, constant(width, 1)), kSharedRankShift);
  Value *place = b.CreateAnd(a.value, b.CreateNot(constant(width, uint64_t(0xff) << kSharedRankShift)));
  Value *shadow = orShadows(a.shadow, got.empty() ? nullptr : gotShadow(width, 0));
  write(op(i, 0), {b.CreateOr(place, prefix), shadow});
}

void FunctionEmitter::emitGetctarank(const Instruction &i) {
  Value *a = b.CreateTrunc(get(op(i, 1), i.lastType()), b.getInt32Ty());
  Value *rank = b.CreateAnd(b.CreateLShr(a, kSharedRankShift), b.getInt32(0xff));
  put(op(i, 0), b.CreateSelect(b.CreateIsNull(rank), ownRank(), b.CreateSub(rank, b.getInt32(1))));
}

} // namespace ptxsim::jit
