// The manifest: what the artefact says about itself (runtime/manifest.h reads it), and the order of everything that the
// runtime and emitted code number: kernels, functions, each function's buffers and scalars.
#ifndef MOTLEY_CODEGEN_MANIFEST_H
#define MOTLEY_CODEGEN_MANIFEST_H

#include "dialect/Plan.h"
#include "llvm/ADT/MapVector.h"

#include <string>

namespace mlir::motley::codegen {

/// The interface of one step function.
struct StepSignature {
  plan::StepOp step;
  /// Entries of `buffers`, by the order of their first use in a launch. Two operations that name the same buffer (the
  /// arena, a field, a slot of a bank, an output) have one entry: the first of them stands for all.
  SmallVector<Operation *> buffers;
  SmallVector<plan::ScalarOp> scalars;
  llvm::DenseMap<Operation *, unsigned> bufferIndex; ///< every field, state, output and alloc operation that is used
  llvm::DenseMap<Operation *, unsigned> scalarIndex;
  int64_t numLaunches = 0;

  static StepSignature of(plan::StepOp step);
};

/// The C symbol of a step function.
std::string stepSymbol(plan::StepOp step);

/// The manifest of `module`. `scratchBytes` has one entry per plan.kernel, in order.
FailureOr<std::string> makeManifest(ModuleOp module, ArrayRef<StepSignature> steps, ArrayRef<int64_t> scratchBytes);

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_MANIFEST_H
