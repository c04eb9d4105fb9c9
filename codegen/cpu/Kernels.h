// From a plan.kernel (level 3) to one function at level 4: one emitter per family, each in kernels/<Family>.cpp.
//
// A kernel function is func.func @<kernel>_<level>(args: !llvm.ptr, scratch: !llvm.ptr, begin: i64, end: i64), the
// motley_kernel of runtime/abi.h. Its body uses arith, math, scf, vector and llvm (pointers, loads, stores, masked
// intrinsics); all indices are i64. `math` operations on vectors become polynomials later, so emitters use math.exp,
// math.log, math.erf, math.sin, math.cos freely.
//
// An emitter fills the body at frame.builder's insertion point (the entry block, before its return) and returns the
// bytes of scratch that a calling thread needs; they must be a pure function of the kernel operation (the same at every
// level). What an emitter cannot handle is an error at the kernel.
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_H
#define MOTLEY_CODEGEN_CPU_KERNELS_H

#include "codegen/cpu/Target.h"
#include "dialect/Plan.h"
#include "mlir/IR/Builders.h"

namespace mlir::motley::codegen {

/// The function that an emitter fills.
struct KernelFrame {
  plan::KernelOp kernel;
  OpBuilder &builder;
  const Target &target;
  Value args;    ///< !llvm.ptr to 8-byte slots, one per operand
  Value scratch; ///< !llvm.ptr, 64-byte aligned
  Value begin;   ///< i64, first unit
  Value end;     ///< i64, one past the last unit

  Location loc() { return kernel.getLoc(); }
  /// Types of the kernel's operands, in order.
  SmallVector<Type> operandTypes();
  MemRefType memrefType(unsigned operand);
};

/// The symbol of `kernel` at the level of `target`.
std::string kernelSymbol(plan::KernelOp kernel, const Target &target);

/// Whether the kernel multiplies operands that it rounds to bf16: then Target::hasBf16 gives it code of its own.
bool roundsToBf16(plan::KernelOp kernel);

/// The keyword of the kernel's family, "matmul" say; empty where there is no CPU kernel for it.
StringRef familyName(plan::KernelOp kernel);

/// Emits the kernel's function at the insertion point of `moduleBuilder`; returns the bytes of scratch.
FailureOr<int64_t> emitKernel(plan::KernelOp kernel, OpBuilder &moduleBuilder, const Target &target);

// One per family. Files: Matmul.cpp, Outer.cpp; Tables.cpp; Selections.cpp, Choices.cpp, Capacity.cpp, RowMath.cpp,
// Noise.cpp (routing); Elementwise.cpp; Norm.cpp (vector banks too); Rope.cpp; Attention*.cpp; Embedding.cpp;
// CrossEntropy.cpp (losses); Update.cpp; Initialise.cpp.
FailureOr<int64_t> emit(plan::GroupByAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::ReindexAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::PermuteAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::TilesAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::ClampOffsetsAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::MatmulAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::OuterAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::SelectAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::RestrictAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::ReindexSelectionAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::CombineAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::SlotValuesAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::SlotValuesBackwardAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::CountChosenAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::ChooseExpertsAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::ChooseAboveAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::ChooseTopPAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::ChooseTokensAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::LimitCapacityAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::OneHotAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::HashAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::NoiseAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::RowSumAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::RowBroadcastAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::SoftmaxAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::LogSumExpAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::MeanRowsAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::StaticGroupsAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::SoftmaxRowsAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::SoftmaxRowsBackwardAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::MixRowsAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::UnmixRowsAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::MixProductsAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::ToFloatAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::MapAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::FillAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::MergeAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::BiasAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::ColumnSumAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::NormAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::NormBackwardAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::NormGainAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::RopeAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::AttentionAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::AttentionDeltaAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::AttentionQueryAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::AttentionKeyAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::EmbeddingAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::EmbeddingBackwardAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::SoftmaxCrossEntropyAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::LossSumsAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::SumSquaresAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::NormFinishAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::AdamWAttr family, KernelFrame &frame);
FailureOr<int64_t> emit(plan::InitialiseAttr family, KernelFrame &frame);

/// Clones the kernel's scalar region onto `arguments` (f32 scalars or vectors of one type) at the frame's insertion
/// point; returns what it yields. For matmul epilogues and map.
FailureOr<SmallVector<Value>> cloneScalarRegion(KernelFrame &frame, ValueRange arguments);

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_H
