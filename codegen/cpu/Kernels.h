// From a plan.kernel (level 3) to one function at level 4: one emitter per family, each in kernels/<Family>.cpp.
//
// A kernel function is func.func @<kernel>_<level>(args: !llvm.ptr, scratch: !llvm.ptr, begin: i64, end: i64), the
// motley_kernel of runtime/abi.h. Its body uses arith, math, scf, vector and llvm (pointers, loads, stores, masked
// intrinsics); all indices are i64. `math` operations on vectors become polynomials later, so emitters use math.exp,
// math.log, math.erf, math.sin, math.cos freely.
//
// An emitter fills the body at frame.builder's insertion point (the entry block, before its return) and returns the bytes of scratch that
// a calling thread needs; they must be a pure function of the kernel operation (the same at every level). What an
// emitter cannot handle is an error at the kernel.
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_H
#define MOTLEY_CODEGEN_CPU_KERNELS_H

#include "codegen/cpu/Target.h"
#include "dialect/Plan.h"
#include "mlir/IR/Builders.h"

namespace motley::codegen {

/// The function that an emitter fills.
struct KernelFrame {
  mlir::plan::KernelOp kernel;
  mlir::OpBuilder &builder;
  const Target &target;
  mlir::Value args;    ///< !llvm.ptr to 8-byte slots, one per operand
  mlir::Value scratch; ///< !llvm.ptr, 64-byte aligned
  mlir::Value begin;   ///< i64, first unit
  mlir::Value end;     ///< i64, one past the last unit

  mlir::Location loc() { return kernel.getLoc(); }
  /// Types of the kernel's operands, in order.
  mlir::SmallVector<mlir::Type> operandTypes();
  mlir::MemRefType memrefType(unsigned operand);
};

/// The symbol of `kernel` at the level of `target`.
std::string kernelSymbol(mlir::plan::KernelOp kernel, const Target &target);

/// Emits the kernel's function at the insertion point of `moduleBuilder`; returns the bytes of scratch.
mlir::FailureOr<int64_t> emitKernel(mlir::plan::KernelOp kernel, mlir::OpBuilder &moduleBuilder, const Target &target);

// One per family. Files: Matmul.cpp, Outer.cpp; Tables.cpp; Elementwise.cpp; Norm.cpp (vector banks too); Rope.cpp;
// Attention*.cpp; Embedding.cpp; CrossEntropy.cpp (losses); Update.cpp; Initialise.cpp.
mlir::FailureOr<int64_t> emit(mlir::plan::GroupByAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::ReindexAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::PermuteAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::TilesAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::ClampOffsetsAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::MatmulAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::OuterAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::MapAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::FillAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::MergeAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::BiasAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::ColumnSumAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::NormAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::NormBackwardAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::NormGainAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::RopeAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::AttentionAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::AttentionDeltaAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::AttentionQueryAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::AttentionKeyAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::EmbeddingAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::EmbeddingBackwardAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::SoftmaxCrossEntropyAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::LossSumsAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::SumSquaresAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::NormFinishAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::AdamWAttr family, KernelFrame &frame);
mlir::FailureOr<int64_t> emit(mlir::plan::InitialiseAttr family, KernelFrame &frame);

/// Clones the kernel's scalar region onto `arguments` (f32 scalars or vectors of one type) at the frame's insertion
/// point; returns what it yields. For matmul epilogues and map.
mlir::FailureOr<mlir::SmallVector<mlir::Value>> cloneScalarRegion(KernelFrame &frame, mlir::ValueRange arguments);

} // namespace motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_H
