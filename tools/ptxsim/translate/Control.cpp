// Branches and the ends of functions (PTX ISA 9.0, section 9.7.12), and the stack of local memory.
#include "translate/Emitter.h"

#include "check/Poison.h"
#include "engine/Scheduler.h"

#include "llvm/IR/MDBuilder.h"

namespace ptxsim::jit {

using llvm::Value;
using ptx::Type;

/// The block to branch to. A backward branch goes through a block that counts fuel.
llvm::BasicBlock *FunctionEmitter::edgeTo(uint32_t label, const Instruction &from) {
  if (label >= blocks.size() || !blocks[label])
    fail(from, "the label is not in this function");
  if (label > from.index)
    return blocks[label];
  llvm::IRBuilderBase::InsertPointGuard keep(b);
  llvm::BasicBlock *edge = newBlock(""), *empty = newBlock("");
  b.SetInsertPoint(edge);
  Value *fuel = field(offsetof(Thread, fuel), b.getInt32Ty());
  Value *left = b.CreateSub(fuel, b.getInt32(1));
  b.CreateStore(left, fieldAddress(offsetof(Thread, fuel)));
  // 1 was the last; 0 stands for a thread that has been given none.
  b.CreateCondBr(b.CreateICmpULE(fuel, b.getInt32(1)), empty, blocks[label],
                 llvm::MDBuilder(b.getContext()).createBranchWeights(1, 1000));
  b.SetInsertPoint(empty);
  b.CreateStore(pointer(&site(from)), fieldAddress(offsetof(Thread, site)));
  b.CreateStore(b.getInt32(0), fieldAddress(offsetof(Thread, fuel)));
  callAddress(reinterpret_cast<const void *>(ptxsim_out_of_fuel), b.getVoidTy(), {thread});
  b.CreateBr(blocks[label]);
  return edge;
}

void FunctionEmitter::emitBra(const Instruction &i) {
  const Operand &target = op(i, 0);
  if (target.kind != Operand::Kind::Label)
    fail(i, "the target is not a label");
  if (!i.hasGuard) {
    b.CreateBr(edgeTo(target.label, i));
    terminated = true;
    return;
  }
  Bits condition = readRegister(i.guard);
  reportIf(condition.shadow, ptxsim_poison_branch, i);
  llvm::BasicBlock *taken = edgeTo(target.label, i), *next = blocks[i.index + 1];
  if (!next)
    next = newBlock("");
  if (i.guardNegated)
    b.CreateCondBr(condition.value, next, taken);
  else
    b.CreateCondBr(condition.value, taken, next);
  terminated = true;
  if (!blocks[i.index + 1])
    startBlock(next);
}

void FunctionEmitter::emitBrx(const Instruction &i) {
  Bits index = read(op(i, 0), Type::U32);
  reportIf(index.shadow, ptxsim_poison_branch, i);
  llvm::BasicBlock *bad = newBlock("");
  llvm::SwitchInst *choice = b.CreateSwitch(index.value, bad, op(i, 1).elements.size());
  for (size_t k = 0; k < op(i, 1).elements.size(); ++k)
    choice->addCase(b.getInt32(k), edgeTo(op(i, 1).elements[k].label, i));
  b.SetInsertPoint(bad);
  callAddress(reinterpret_cast<const void *>(ptxsim_bad_branch), b.getVoidTy(),
              {thread, pointer(&site(i)), b.CreateZExt(index.value, b.getInt64Ty())});
  b.CreateUnreachable();
  terminated = true;
}

void FunctionEmitter::emitRet(const Instruction &) { returnFrom(); }

/// The kernel's own frame ends the thread by returning.
void FunctionEmitter::emitExit(const Instruction &i) {
  if (function.isEntry)
    return returnFrom();
  if (!banks.empty())
    settle();
  callAddress(reinterpret_cast<const void *>(ptxsim_exit), b.getVoidTy(), {thread});
  b.CreateUnreachable();
  terminated = true;
}

/// alloca, stacksave, stackrestore: the top of the thread's local memory (PTX ISA 9.0, section 9.7.16).
void FunctionEmitter::emitAlloca(const Instruction &i) {
  Type type = i.lastType();
  usesAlloca = true;
  uint64_t alignment = i.operands.size() > 2 ? op(i, 2).bits : 8;
  if (!llvm::isPowerOf2_64(alignment) || alignment > 1024)
    fail(i, "an alignment of " + std::to_string(alignment));
  Value *size = b.CreateZExtOrTrunc(get(op(i, 1), type), b.getInt64Ty());
  Value *top = b.CreateZExt(field(offsetof(Thread, localTop), b.getInt32Ty()), b.getInt64Ty());
  Value *start = b.CreateAnd(b.CreateAdd(top, b.getInt64(alignment - 1)), b.getInt64(-alignment));
  // Saturated, so that a size near the end of the range does not wrap around; frames stay aligned.
  Value *end = b.CreateBinaryIntrinsic(llvm::Intrinsic::uadd_sat, start, size);
  end = b.CreateBinaryIntrinsic(llvm::Intrinsic::uadd_sat, end, b.getInt64(kLocalFrameAlignment - 1));
  end = b.CreateAnd(end, b.getInt64(-kLocalFrameAlignment));
  when(
      b.CreateICmpUGT(end, localEnd),
      [&] {
        callAddress(reinterpret_cast<const void *>(ptxsim_local_overflow), b.getVoidTy(), {thread, pointer(&site(i))});
        b.CreateUnreachable();
        terminated = true;
      },
      true);
  b.CreateStore(b.CreateTrunc(end, b.getInt32Ty()), fieldAddress(offsetof(Thread, localTop)));
  put(op(i, 0), b.CreateTrunc(start, intType(ptx::bitWidth(type))));
}

void FunctionEmitter::emitStacksave(const Instruction &i) {
  Value *top = field(offsetof(Thread, localTop), b.getInt32Ty());
  write(op(i, 0), {b.CreateZExtOrTrunc(top, intType(ptx::bitWidth(i.lastType())))});
}

/// Only what lies between the function's frame and the top can be restored.
void FunctionEmitter::emitStackrestore(const Instruction &i) {
  usesAlloca = true;
  Value *to = b.CreateZExtOrTrunc(get(op(i, 0), i.lastType()), b.getInt64Ty());
  Value *top = b.CreateZExt(field(offsetof(Thread, localTop), b.getInt32Ty()), b.getInt64Ty());
  to = b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, to, top);
  to = b.CreateBinaryIntrinsic(llvm::Intrinsic::umax, to, b.CreateAdd(frame, b.getInt64(frameBytes)));
  b.CreateStore(b.CreateTrunc(to, b.getInt32Ty()), fieldAddress(offsetof(Thread, localTop)));
}

} // namespace ptxsim::jit
